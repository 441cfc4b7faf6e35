// Object: one immutable, reference-counted block of memory: the columns that the core reads without parsing, their lists and
// texts, and the body, compact JSON of the storage version, exactly the bytes that a client is served.
//
// Invariants: after freeze() nothing changes, ever, but what the storage notes about its record. body() contains the
//   resourceVersion in a slot of kRevisionSlotBytes bytes at revision_offset(): the decimal revision, a closing quote, then
//   spaces (JSON allows them), so the committer fills it without printing the object again. Columns always agree with the body.
// Threads: any; the count is atomic. Ownership: ObjectRef counts; there are no cycles.
#pragma once
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <stdexcept>
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

/// Who changed it and why: a change has it, and its log entry; an object has not.
struct Cause {
  std::string actor;          ///< user name or "plugin:<name>"
  std::string request;        ///< request id (audit id) or reconcile id
  Revision trigger = 0;       ///< the revision that led to this write, 0 = none known
};
/// One for all that was written for it; null: none is known.
using CauseRef = std::shared_ptr<const Cause>;

/// As a draft is given them.
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

/// A list in an object's block.
template <class Element>
struct List : std::span<const Element> {
  using std::span<const Element>::span;
  /// Throws std::out_of_range.
  const Element& at(std::size_t place) const {
    if (place >= this->size()) throw std::out_of_range("a list of " + std::to_string(this->size()));
    return (*this)[place];
  }
};
template <class Element>
bool operator==(const List<Element>& one, const std::ranges::input_range auto& other) { return std::ranges::equal(one, other); }

struct Label {
  Atom key;
  std::string_view value;
  friend bool operator==(const Label&, const Label&) = default;
};
struct OwnerView {
  std::string_view api_version, kind, name, uid;
  bool controller = false, block_owner_deletion = false;
};

/// Columns as an object has them, valid as long as it is.
struct ColumnsView {
  std::uint32_t schema_epoch;
  Key key;
  std::string_view uid;
  std::int64_t creation_unix_s, deletion_unix_s, deletion_grace_s, generation;
  List<Label> labels;
  List<OwnerView> owners;
  List<std::string_view> finalizers, fields;
};
Columns copy_of(const ColumnsView& columns);
std::vector<std::string> copy_of(const List<std::string_view>& texts);

class Object;
using ObjectRef = boost::intrusive_ptr<const Object>;

class Object {
 public:
  const ColumnsView& columns() const { return columns_; }
  const Key& key() const { return columns_.key; }
  Revision revision() const { return revision_; }
  std::string_view body() const { return {body_, body_bytes_}; }
  std::size_t revision_offset() const { return revision_offset_; }
  bool deleting() const { return columns_.deletion_unix_s != 0; }
  /// On how many others its record in the storage rests, which alone asks and says so; none: there is no such record, or nothing is known of it.
  std::optional<unsigned> rests_on() const { return rests_on_ == kUnknown ? std::nullopt : std::optional<unsigned>(rests_on_); }
  void set_rests_on(std::uint8_t records) const { rests_on_ = records; }
  const std::string_view* label(Atom key) const;

  friend void intrusive_ptr_add_ref(const Object* object) noexcept;
  friend void intrusive_ptr_release(const Object* object) noexcept;
  static void operator delete(void* block) { ::operator delete(block); }   // whose size is not an Object's

 private:
  friend class Draft;
  static constexpr std::uint8_t kUnknown = UINT8_MAX;
  template <class From, class Fields>
  static std::unique_ptr<Object> packed(const From& columns, const Fields& fields, std::string_view body, std::size_t revision_offset);
  explicit Object(const Key& key) : columns_{.key = key} {}
  struct Behind {
    std::size_t bytes;   ///< after the object, in its block
  };
  static void* operator new(std::size_t own_bytes, Behind behind) { return ::operator new(own_bytes + behind.bytes); }
  static void operator delete(void* block, Behind) { ::operator delete(block); }

  // What every list looks at comes first, 64 bytes with the beginning of the columns: of many objects each line is a cache miss.
  mutable std::atomic<std::uint32_t> references_{0};
  mutable std::uint8_t rests_on_ = kUnknown;   // the committer's
  std::uint32_t revision_offset_ = 0;
  Revision revision_ = 0;
  char* body_ = nullptr;
  std::size_t body_bytes_ = 0;
  ColumnsView columns_;
};

/// An object before it is committed: owned by one, its revision not known yet. What it is given is copied.
class Draft {
 public:
  /// `revision_offset`: where the slot's first digit goes in `body`.
  Draft(const Columns& columns, std::string_view body, std::size_t revision_offset);
  /// What `before` becomes: another text with the slot where it was, and other values of its selectable fields or, without `fields`, the same.
  Draft(const Object& before, std::string_view body, const std::vector<std::string>* fields = nullptr);
  Draft(Draft&&) noexcept;
  Draft& operator=(Draft&&) noexcept;
  ~Draft();
  const ColumnsView& columns() const { return object_->columns(); }
  std::string_view body() const { return object_->body(); }
  /// Fills the slot and gives up ownership.
  ObjectRef freeze(Revision revision) &&;
  /// The same object under another revision: what DELETED carries.
  static ObjectRef restamp(const Object& object, Revision revision);

 private:
  std::unique_ptr<Object> object_;
};

/// Writes `revision` into a slot at `slot` (kRevisionSlotBytes bytes).
void fill_revision_slot(char* slot, Revision revision);

}  // namespace keelson::store
