// Catalog: all kinds that are served, as one immutable snapshot that changes as a whole.
//
// Invariants: readers take a snapshot and see one consistent set; epoch grows with every change.
// Threads: current() from any thread, never waits for a change; install/withdraw from any thread, serialised.
#pragma once
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/kinds/kind.hpp"

namespace keelson::kinds {

class Catalog {
 public:
  virtual ~Catalog() = default;
  virtual std::uint64_t epoch() const = 0;
  virtual KindRef find(std::string_view group, std::string_view version, std::string_view resource) const = 0;
  virtual KindRef by_kind(std::string_view group, std::string_view version, std::string_view kind) const = 0;
  /// The storage form of a resource by its storage key.
  virtual KindRef by_storage_key(base::Atom key) const = 0;
  virtual const std::vector<KindRef>& all() const = 0;       ///< sorted by group, version, resource
  virtual std::vector<std::string> groups() const = 0;       ///< in discovery order
  virtual std::vector<std::string> versions(std::string_view group) const = 0;   ///< preferred first
};
using CatalogRef = std::shared_ptr<const Catalog>;

class Registry {
 public:
  virtual ~Registry() = default;
  virtual CatalogRef current() const = 0;
  /// Adds or replaces. 409 when another declarer owns the resource or its names.
  virtual base::Outcome<KindRef> install(Kind kind) = 0;
  /// All versions of one resource (the same storage_key in each), storage form first, in one change: versions that are not
  /// among them are gone afterwards. 409 as install(); empty: nothing happens.
  virtual base::Outcome<std::vector<KindRef>> install_versions(std::vector<Kind> versions) = 0;
  virtual void withdraw(base::Atom storage_key) = 0;
  /// Marks writable or not (a plugin left or came back).
  virtual void set_writable(base::Atom storage_key, bool writable) = 0;
  /// `changed` runs after each change, on the changer's thread, holding no lock; the returned handle ends it (a call that
  /// has begun on another thread may still be running). Changes at the same time: the higher epoch is the newer.
  virtual std::shared_ptr<void> on_change(std::function<void(CatalogRef)> changed) = 0;
};

/// With all built-in kinds installed.
std::unique_ptr<Registry> make_registry();

}  // namespace keelson::kinds
