#include <keelson/abi.hpp>

#include <algorithm>

namespace keelson {

ObjectHandle ObjectHandle::adopt(const keelson_host_v1* table, void* host, keelson_object object) { return {table, host, object}; }

ObjectHandle ObjectHandle::borrow(const keelson_host_v1* table, void* host, keelson_object object) {
  if (object != nullptr) table->retain(host, object);
  return {table, host, object};
}

ObjectHandle::ObjectHandle(const ObjectHandle& other) : table_(other.table_), host_(other.host_), object_(other.object_) {
  if (object_ != nullptr) table_->retain(host_, object_);
}

ObjectHandle::~ObjectHandle() {
  if (object_ != nullptr) table_->release(host_, object_);
}

keelson_object_view ObjectHandle::view() const {
  keelson_object_view out{};
  out.size = sizeof out;
  out.deletion_grace_s = -1;
  if (object_ != nullptr) table_->view(host_, object_, &out);
  return out;
}

std::string_view ObjectHandle::storage_key() const { return text_of(view().storage_key); }
std::string_view ObjectHandle::ns() const { return text_of(view().ns); }
std::string_view ObjectHandle::name() const { return text_of(view().name); }
std::string_view ObjectHandle::uid() const { return text_of(view().uid); }
std::string_view ObjectHandle::body() const { return text_of(view().body); }
std::string_view ObjectHandle::controller_uid() const { return text_of(view().controller_uid); }
std::uint32_t ObjectHandle::owner_count() const { return view().owner_count; }
std::uint64_t ObjectHandle::revision() const { return view().revision; }
std::int64_t ObjectHandle::generation() const { return view().generation; }
std::int64_t ObjectHandle::creation_unix_s() const { return view().creation_unix_s; }
std::int64_t ObjectHandle::deletion_unix_s() const { return view().deletion_unix_s; }
std::int64_t ObjectHandle::deletion_grace_s() const { return view().deletion_grace_s; }

std::string_view ObjectHandle::label(std::string_view key) const {
  keelson_bytes out{};
  return object_ != nullptr && table_->label(host_, object_, bytes_of(key), &out) != 0 ? text_of(out) : std::string_view();
}

bool ObjectHandle::has_label(std::string_view key) const {
  keelson_bytes out{};
  return object_ != nullptr && table_->label(host_, object_, bytes_of(key), &out) != 0;
}

std::string_view ObjectHandle::field(std::string_view path) const {
  keelson_bytes out{};
  return object_ != nullptr && table_->field(host_, object_, bytes_of(path), &out) != 0 ? text_of(out) : std::string_view();
}

std::vector<std::string> ObjectHandle::finalizers() const {
  std::vector<std::string> names;
  const auto count = view().finalizer_count;
  for (std::uint32_t i = 0; i < count; ++i) {
    keelson_bytes out{};
    if (table_->finalizer(host_, object_, i, &out) != 0) names.emplace_back(text_of(out));
  }
  return names;
}

bool ObjectHandle::has_finalizer(std::string_view name) const {
  const auto all = finalizers();
  return std::find(all.begin(), all.end(), name) != all.end();
}

bool KindInfo::allows(std::string_view verb) const { return std::find(verbs.begin(), verbs.end(), verb) != verbs.end(); }

}  // namespace keelson
