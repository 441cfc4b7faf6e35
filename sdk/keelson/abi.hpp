// The C border (sdk/abi/keelson_plugin.h) in C++ clothes: counted objects, kinds, and the call that a Context acts for.
//
// Threads: an ObjectHandle may be used and destroyed on any thread. Ownership: it counts; what it points into (views)
// lives as long as it. All handles have to be gone when the plugin is destroyed.
#pragma once
#include <abi/keelson_plugin.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <keelson/object.hpp>

namespace keelson {

inline std::string_view text_of(keelson_bytes bytes) { return {bytes.data, bytes.size}; }
inline keelson_bytes bytes_of(std::string_view text) { return {text.data(), text.size()}; }

/// A counted reference to the host's own immutable object. Everything but body() is read without parsing.
class ObjectHandle {
 public:
  ObjectHandle() = default;
  /// Takes over one reference.
  static ObjectHandle adopt(const keelson_host_v1* table, void* host, keelson_object object);
  /// Adds a reference to one that is borrowed.
  static ObjectHandle borrow(const keelson_host_v1* table, void* host, keelson_object object);
  ObjectHandle(const ObjectHandle& other);
  ObjectHandle(ObjectHandle&& other) noexcept
      : table_(other.table_), host_(other.host_), object_(std::exchange(other.object_, nullptr)) {}
  ObjectHandle& operator=(ObjectHandle other) noexcept {
    std::swap(table_, other.table_);
    std::swap(host_, other.host_);
    std::swap(object_, other.object_);
    return *this;
  }
  ~ObjectHandle();

  explicit operator bool() const { return object_ != nullptr; }
  std::string_view storage_key() const;      ///< "pods", "deployments.apps"
  std::string_view ns() const;
  std::string_view name() const;
  std::string_view uid() const;
  std::string_view body() const;             ///< compact JSON
  std::string_view controller_uid() const;   ///< of the controlling owner, "" when there is none
  std::uint32_t owner_count() const;         ///< of its ownerReferences, which stand in body()
  std::string_view label(std::string_view key) const;   ///< "" when absent
  bool has_label(std::string_view key) const;
  std::string_view field(std::string_view path) const;  ///< a selectable field, "" when unset
  std::vector<std::string> finalizers() const;
  bool has_finalizer(std::string_view name) const;
  std::uint64_t revision() const;
  std::int64_t generation() const;
  std::int64_t creation_unix_s() const;
  std::int64_t deletion_unix_s() const;      ///< 0 = not being deleted
  std::int64_t deletion_grace_s() const;     ///< -1 = unset
  bool deleting() const { return deletion_unix_s() != 0; }
  Key key() const { return {std::string(ns()), std::string(name())}; }
  keelson_object raw() const { return object_; }   ///< borrowed

 private:
  ObjectHandle(const keelson_host_v1* table, void* host, keelson_object object) : table_(table), host_(host), object_(object) {}
  keelson_object_view view() const;
  const keelson_host_v1* table_ = nullptr;
  void* host_ = nullptr;
  keelson_object object_ = nullptr;
};

/// A kind that is served, as plugins that work on any kind see it.
struct KindInfo {
  std::string group, version, kind, resource;
  std::string storage_key;               ///< "pods", "deployments.apps"
  std::string declared_by;               ///< "" built in, "crd:<name>", "plugin:<name>"
  bool namespaced = true;
  bool custom = false;
  std::vector<std::string> verbs;
  std::vector<std::string> subresources;
  Gvk gvk() const { return {group, version, kind, resource}; }   ///< borrows from this
  std::string api_version() const { return group.empty() ? version : group + "/" + version; }
  bool allows(std::string_view verb) const;
};

namespace detail {
struct Scope;
struct PluginState;
}  // namespace detail

/// Which call of the plugin a Context acts for.
struct HostCall {
  const keelson_host_v1* table = nullptr;
  void* host = nullptr;
  keelson_call call = 0;
  const detail::Scope* scope = nullptr;          ///< the object that is reconciled, null outside
  detail::PluginState* plugin = nullptr;
};

}  // namespace keelson
