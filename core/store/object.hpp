// Object: one immutable, reference-counted allocation: the columns that the core reads without parsing, and the body,
// compact JSON of the storage version, exactly the bytes that a client is served.
//
// Invariants: after freeze() nothing changes, ever, but what the storage notes about its record. body() contains the
//   resourceVersion in a slot of kRevisionSlotBytes bytes at revision_offset(): the decimal revision, a closing quote, then
//   spaces (JSON allows them), so the committer fills it without printing the object again. Columns always agree with the body.
// Threads: any; the count is atomic. Ownership: ObjectRef counts; there are no cycles.
#pragma once
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/atom.hpp"

namespace keelson::store {

using base::Atom;
using Revision = std::uint64_t;

/// Length of the slot after `"resourceVersion":"`: up to 20 digits, then `"`, then spaces up to this many bytes.
inline constexpr std::size_t kRevisionSlotBytes = 21;

/// Names one object for ever: resource is "pods" or "deployments.apps" (resource.group, no version), ns is empty for
/// cluster-scoped kinds.
struct Key {
  Atom resource;
  std::string ns;
  std::string name;
  friend bool operator==(const Key&, const Key&) = default;
  friend auto operator<=>(const Key&, const Key&) = default;
};

struct OwnerRef {
  std::string api_version, kind, name, uid;
  bool controller = false;
  bool block_owner_deletion = false;
};

/// Who changed it and why: recorded in every log entry, served by "why?".
struct Cause {
  std::string actor;          ///< user name or "plugin:<name>"
  std::string request;        ///< request id (audit id) or reconcile id
  Revision trigger = 0;       ///< the revision that led to this write, 0 = none known
};

struct Columns {
  std::uint32_t schema_epoch = 0;         ///< the kind's schema this body was made with
  Key key;
  std::string uid;
  std::int64_t creation_unix_s = 0;
  std::int64_t deletion_unix_s = 0;       ///< 0 = not being deleted
  std::int64_t deletion_grace_s = -1;     ///< -1 = unset
  std::int64_t generation = 0;            ///< 0 = kind without generations
  std::vector<std::pair<Atom, std::string>> labels;   ///< sorted by key
  std::vector<OwnerRef> owners;
  std::vector<std::string> finalizers;
  std::vector<std::string> fields;        ///< values of the kind's selectable fields, in the kind's order
};

class Object;
using ObjectRef = boost::intrusive_ptr<const Object>;

class Object {
 public:
  const Columns& columns() const { return columns_; }
  const Key& key() const { return columns_.key; }
  Revision revision() const { return revision_; }
  const Cause& cause() const { return cause_; }
  std::string_view body() const { return body_; }
  std::size_t revision_offset() const { return revision_offset_; }
  bool deleting() const { return columns_.deletion_unix_s != 0; }
  /// On how many others its record in the storage rests, which alone asks and says so; none: there is no such record, or nothing is known of it.
  std::optional<unsigned> rests_on() const { return rests_on_ == kUnknown ? std::nullopt : std::optional<unsigned>(rests_on_); }
  void set_rests_on(std::uint8_t records) const { rests_on_ = records; }
  const std::string* label(Atom key) const;

  friend void intrusive_ptr_add_ref(const Object* object) noexcept;
  friend void intrusive_ptr_release(const Object* object) noexcept;

 private:
  friend class Draft;
  static constexpr std::uint8_t kUnknown = UINT8_MAX;
  Object() = default;
  // What every list looks at comes first, 64 bytes with the beginning of the columns: of many objects each line is a cache miss.
  mutable std::atomic<std::uint32_t> references_{0};
  mutable std::uint8_t rests_on_ = kUnknown;   // the committer's
  Revision revision_ = 0;
  std::size_t revision_offset_ = 0;
  std::string body_;
  Columns columns_;
  Cause cause_;
};

/// An object before it is committed: owned by one, its revision not known yet.
class Draft {
 public:
  /// `revision_offset`: where the slot's first digit goes in `body`.
  Draft(Columns columns, std::string body, std::size_t revision_offset);
  Draft(Draft&&) noexcept;
  Draft& operator=(Draft&&) noexcept;
  ~Draft();
  const Columns& columns() const;
  std::string_view body() const;
  /// Fills the slot and gives up ownership.
  ObjectRef freeze(Revision revision, Cause cause) &&;
  /// The same object under another revision: what DELETED carries.
  static ObjectRef restamp(const Object& object, Revision revision, Cause cause);

 private:
  std::unique_ptr<Object> object_;
};

/// Writes `revision` into a slot at `slot` (kRevisionSlotBytes bytes).
void fill_revision_slot(char* slot, Revision revision);

}  // namespace keelson::store
