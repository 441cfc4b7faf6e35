#include "core/store/object.hpp"

#include <charconv>
#include <cstring>
#include <type_traits>
#include <utility>

namespace keelson::store {
namespace {

// Fills what follows an object in its block: lists, then texts.
class Packing {
 public:
  Packing(Object* object, std::size_t lists_bytes) : list_(reinterpret_cast<char*>(object + 1)), text_(list_ + lists_bytes) {}

  std::string_view text(std::string_view from) {
    char* const first = std::exchange(text_, text_ + from.size());
    std::copy(from.begin(), from.end(), first);
    return {first, from.size()};
  }

  template <class Element, class Pack>
  List<Element> list(const auto& from, const Pack& pack) {
    static_assert(alignof(Element) == alignof(Object) && std::is_trivially_destructible_v<Element>);
    auto* const first = reinterpret_cast<Element*>(std::exchange(list_, list_ + from.size() * sizeof(Element)));
    std::ranges::transform(from, first, pack);
    return {first, from.size()};
  }

 private:
  char* list_;
  char* text_;
};

std::size_t lists_bytes(const auto& columns, const auto& fields) {
  return columns.labels.size() * sizeof(Label) + columns.owners.size() * sizeof(OwnerView) + (columns.finalizers.size() + fields.size()) * sizeof(std::string_view);
}

std::size_t texts_bytes(const auto& columns, const auto& fields) {
  std::size_t bytes = columns.uid.size();
  for (const auto& [key, value] : columns.labels) bytes += value.size();
  for (const auto& owner : columns.owners) bytes += owner.api_version.size() + owner.kind.size() + owner.name.size() + owner.uid.size();
  for (const auto& finalizer : columns.finalizers) bytes += finalizer.size();
  for (const auto& field : fields) bytes += field.size();
  return bytes;
}

}  // namespace

// `from`: Columns or a ColumnsView; `fields` in place of theirs.
template <class From, class Fields>
std::unique_ptr<Object> Object::packed(const From& from, const Fields& fields, std::string_view body, std::size_t revision_offset) {
  const auto lists = lists_bytes(from, fields);
  std::unique_ptr<Object> object(new (Behind{lists + texts_bytes(from, fields) + body.size()}) Object(from.key));
  Packing packing(object.get(), lists);
  const auto text = [&](std::string_view each) { return packing.text(each); };
  auto& columns = object->columns_;
  columns.schema_epoch = from.schema_epoch;
  columns.uid = text(from.uid);
  columns.creation_unix_s = from.creation_unix_s;
  columns.deletion_unix_s = from.deletion_unix_s;
  columns.deletion_grace_s = from.deletion_grace_s;
  columns.generation = from.generation;
  columns.labels = packing.list<Label>(from.labels, [&](const auto& label) {
    const auto& [key, value] = label;
    return Label{key, text(value)};
  });
  columns.owners = packing.list<OwnerView>(from.owners, [&](const auto& owner) {
    return OwnerView{text(owner.api_version), text(owner.kind), text(owner.name), text(owner.uid), owner.controller, owner.block_owner_deletion};
  });
  columns.finalizers = packing.list<std::string_view>(from.finalizers, text);
  columns.fields = packing.list<std::string_view>(fields, text);
  object->revision_offset_ = static_cast<std::uint32_t>(revision_offset);
  object->body_bytes_ = body.size();
  object->body_ = const_cast<char*>(text(body).data());
  return object;
}

const std::string_view* Object::label(Atom key) const {
  // Sets of labels are small: a linear search by address beats a binary search by text.
  for (const auto& [name, value] : columns_.labels)
    if (name == key) return &value;
  return nullptr;
}

Columns copy_of(const ColumnsView& columns) {
  Columns out{columns.schema_epoch, columns.key, std::string(columns.uid), columns.creation_unix_s, columns.deletion_unix_s, columns.deletion_grace_s, columns.generation, {}, {}, copy_of(columns.finalizers), copy_of(columns.fields)};
  for (const auto& [key, value] : columns.labels) out.labels.emplace_back(key, value);
  for (const auto& owner : columns.owners)
    out.owners.push_back({std::string(owner.api_version), std::string(owner.kind), std::string(owner.name), std::string(owner.uid), owner.controller, owner.block_owner_deletion});
  return out;
}

std::vector<std::string> copy_of(const List<std::string_view>& texts) { return {texts.begin(), texts.end()}; }

void intrusive_ptr_add_ref(const Object* object) noexcept { object->references_.fetch_add(1, std::memory_order_relaxed); }

void intrusive_ptr_release(const Object* object) noexcept {
  if (object->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete object;
}

Draft::Draft(const Columns& columns, std::string_view body, std::size_t revision_offset) : object_(Object::packed(columns, columns.fields, body, revision_offset)) {}

Draft::Draft(const Object& before, std::string_view body, const std::vector<std::string>* fields)
    : object_(fields ? Object::packed(before.columns_, *fields, body, before.revision_offset_) : Object::packed(before.columns_, before.columns_.fields, body, before.revision_offset_)) {}

Draft::Draft(Draft&&) noexcept = default;
Draft& Draft::operator=(Draft&&) noexcept = default;
Draft::~Draft() = default;

ObjectRef Draft::freeze(Revision revision) && {
  object_->revision_ = revision;
  fill_revision_slot(object_->body_ + object_->revision_offset_, revision);
  return ObjectRef(object_.release());
}

ObjectRef Draft::restamp(const Object& object, Revision revision) { return Draft(object, object.body()).freeze(revision); }

void fill_revision_slot(char* slot, Revision revision) {
  const auto end = std::to_chars(slot, slot + kRevisionSlotBytes - 1, revision).ptr;
  *end = '"';
  std::memset(end + 1, ' ', static_cast<std::size_t>(slot + kRevisionSlotBytes - (end + 1)));
}

}  // namespace keelson::store
