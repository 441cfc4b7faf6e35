#include "core/store/object.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace keelson::store {

const std::string* Object::label(Atom key) const {
  // Sets of labels are small: a linear search by address beats a binary search by text.
  for (const auto& [name, value] : columns_.labels)
    if (name == key) return &value;
  return nullptr;
}

void intrusive_ptr_add_ref(const Object* object) noexcept { object->references_.fetch_add(1, std::memory_order_relaxed); }

void intrusive_ptr_release(const Object* object) noexcept {
  if (object->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete object;
}

Draft::Draft(Columns columns, std::string body, std::size_t revision_offset) : object_(new Object) {
  object_->columns_ = std::move(columns);
  object_->body_ = std::move(body);
  object_->revision_offset_ = revision_offset;
}

Draft::Draft(Draft&&) noexcept = default;
Draft& Draft::operator=(Draft&&) noexcept = default;
Draft::~Draft() = default;

const Columns& Draft::columns() const { return object_->columns_; }
std::string_view Draft::body() const { return object_->body_; }

ObjectRef Draft::freeze(Revision revision, Cause cause) && {
  object_->revision_ = revision;
  object_->cause_ = std::move(cause);
  fill_revision_slot(object_->body_.data() + object_->revision_offset_, revision);
  return ObjectRef(object_.release());
}

ObjectRef Draft::restamp(const Object& object, Revision revision, Cause cause) {
  Draft copy(object.columns_, object.body_, object.revision_offset_);
  return std::move(copy).freeze(revision, std::move(cause));
}

void fill_revision_slot(char* slot, Revision revision) {
  const auto end = std::to_chars(slot, slot + kRevisionSlotBytes - 1, revision).ptr;
  *end = '"';
  std::memset(end + 1, ' ', static_cast<std::size_t>(slot + kRevisionSlotBytes - (end + 1)));
}

}  // namespace keelson::store
