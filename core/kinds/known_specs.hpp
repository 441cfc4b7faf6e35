// Known specs: what is made from one template is sent with one spec, letter by letter. A spec that comes again is not read, defaulted,
// admitted, judged and printed again: where admission rests on what it rested on before (auth::Grounds), the object goes without it, and
// what became of it then is put in as text. Else its value is copied, and where admission leaves of it what it left before, it is not
// judged and printed again.
//
// Invariants: what comes out is, byte for byte, what decode, defaults, admission, rules and encode make of the whole object. Texts and values are
//   compared whole, never by a hash alone. Only for kinds whose spec is judged by itself and makes the status (spec_stands_alone). At most kSpecsKeptMax are
//   kept, of at most kSpecBytesMax as sent, each from the second time in a row on that its place is asked for it, newcomers in the
//   place of others; of each what became of it on the last grounds, kGroundsKeptMax at most.
// Threads: any; short locks. Ownership: specs are shared with whoever still copies from them, and hold their kind's type.
// Errors: none; what does not read without a complaint is not known, and the whole way tells what is wrong.
#pragma once
#include <array>
#include <atomic>
#include <boost/json/monotonic_resource.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/kinds/engine.hpp"

namespace keelson::kinds {

inline constexpr std::string_view kSpec = "spec", kStatus = "status";

inline constexpr std::size_t kSpecsKeptMax = 64;
inline constexpr std::size_t kSpecBytesMax = 16u << 10;
/// So often in a row admission may make something new of a spec until nobody looks any more whether it does the same again.
inline constexpr int kSpecChangesMax = 8;

/// On so many grounds what became of a spec is kept.
inline constexpr std::size_t kGroundsKeptMax = 8;

/// What has become of a spec that was found good without a warning.
struct SettledSpec {
  std::string spec, status;          ///< as encode() prints them
  std::vector<std::string> fields;   ///< the object's selectable values
};

/// A settled spec, and on what admission of it rested.
struct AdmittedSpec {
  std::string grounds;
  std::shared_ptr<const SettledSpec> settled;
  std::vector<std::pair<std::string, std::string>> annotations;   ///< for the audit log
};

/// A spec as it was sent, read and defaulted.
class KnownSpec {
 public:
  /// Null where reading has anything to complain of.
  static std::shared_ptr<KnownSpec> read(const Kind& kind, std::string_view text, std::uint64_t id);

  bool is(const Kind& kind, std::string_view text) const { return type_ == kind.type && text_ == text; }
  std::string_view text() const { return text_; }
  /// Of no other spec of this process, ever.
  std::uint64_t id() const { return id_; }
  const json::value& value() const { return value_; }
  /// Gives the object its spec.
  void put_into(json::value& object) const;

  /// What became of it on these grounds; null: nobody knows.
  std::shared_ptr<const AdmittedSpec> admitted(std::string_view grounds) const;
  void admit(AdmittedSpec admitted);

  /// What became of it the last time, if admission has made the same of it again.
  std::shared_ptr<const SettledSpec> settled(const json::value& left);
  /// Whether it is worth to remember what becomes of it.
  bool may_settle() const { return changes_.load(std::memory_order_relaxed) < kSpecChangesMax; }
  /// Admission left it as `left`; with that it was found good without a warning, and now the whole is `stored`.
  void settle(const Kind& kind, const json::value& left, const json::value& stored);

 private:
  /// What admission left of it the last time.
  struct Last {
    boost::json::monotonic_resource memory;
    json::value left;
    std::shared_ptr<const SettledSpec> settled;
  };
  KnownSpec(std::shared_ptr<const Type> type, std::string_view text, std::uint64_t id) : type_(std::move(type)), text_(text), id_(id) {}

  const std::shared_ptr<const Type> type_;
  const std::string text_;
  const std::uint64_t id_;
  boost::json::monotonic_resource memory_;
  json::value value_;
  std::atomic<int> changes_{0};
  mutable std::mutex mutex_;   // guards what follows
  std::shared_ptr<const Last> last_;
  std::array<std::shared_ptr<const AdmittedSpec>, kGroundsKeptMax> admitted_;   // by hash
};

class KnownSpecs {
 public:
  /// What decode() and apply_defaults() make of the body of a new object, but for its spec, which is known to be `spec` and empty in the object; nullopt: it is not known.
  std::optional<Decoded> decode(const Kind& kind, std::string_view body, FieldValidation mode, const json::storage_ptr& memory, std::shared_ptr<KnownSpec>& spec);

 private:
  std::shared_ptr<KnownSpec> find(const Kind& kind, std::string_view text);
  std::shared_ptr<KnownSpec> last();

  struct Place {
    std::size_t seen = 0, refused = 0;   // hashes
    std::shared_ptr<KnownSpec> spec;
  };
  std::mutex mutex_;   // guards what follows
  std::array<Place, kSpecsKeptMax> places_;   // by hash
  std::shared_ptr<KnownSpec> last_;           // that was found: the next one mostly is the same
  std::uint64_t last_id_ = 0;
};

/// Whether defaults and rules of a new object's spec look at nothing beside it, those of the rest not at the spec, and its status and selectable values at nothing else.
bool spec_stands_alone(const Kind& kind);
/// apply_defaults() of a built-in kind's object of which the member `settled` has its defaults, to which the object's own rule adds nothing.
void apply_defaults_around(const Kind& kind, std::string_view settled, json::value& object);
/// What of an object is printed already; empty: nothing.
struct Printed {
  std::string_view managers{};   ///< metadata.managedFields, of an object that has not been given any
  std::string_view spec{}, status{};
};
Encoded encode(const Kind& kind, const json::value& object, std::size_t slot_bytes, const Printed& printed);
/// validate() and append_object_warnings() of a new object whose spec is known to be good.
std::vector<base::Cause> validate_around_spec(const Kind& kind, const json::value& object);
void append_warnings_around_spec(const json::value& object, std::vector<std::string>& warnings);

}  // namespace keelson::kinds
