// Known creates: what is made from one template (pods of a ReplicaSet, events of a scheduler) is sent alike but for a name and a few
// texts. What a create came to is kept as texts with slots for these; one that says the same is not read, judged and printed: what stands
// in its slots is put into those of what came out. Admission is asked of each as ever, with the object's metadata.
//
// Invariants: what comes out is, byte for byte, what the whole way makes of the same. Slots are only where nothing looks at a value beyond
//   its form and what equals it, and of one form no two have the same in them. Only what admission rests on grounds for (auth::Grounds)
//   is kept, and holds on the same grounds alone. What is kept was worked out with other values in all slots, and gave
//   with the values that had been sent what had come out.
// Threads: any; short locks. Ownership: what is kept is shared with whoever still makes objects of it, and holds its kind's type. At most
//   kCreatesKeptMax are kept, of at most kCreateBytesMax as sent; what is not met again makes that less is kept. Errors: none; what is
//   not known is told by nullopt.
#pragma once
#include <boost/json/monotonic_resource.hpp>
#include <mutex>

#include "core/kinds/credit.hpp"
#include "core/kinds/known_specs.hpp"
#include "core/kinds/text_slots.hpp"
#include "core/verbs/metadata.hpp"

namespace keelson::verbs {

inline constexpr std::size_t kCreatesKeptMax = 16;
inline constexpr std::size_t kCreateBytesMax = 16u << 10;

/// A create in the form of what is stored.
struct SentCreate {
  const kinds::Kind& kind;
  std::string_view ns, manager;
  kinds::FieldValidation validation;
  std::string_view body;
};

/// What admission of it rested on.
struct CreateGrounds {
  std::shared_ptr<kinds::KnownSpec> spec;   ///< null: of an object without one that is known
  std::string text;
  std::vector<std::pair<std::string, std::string>> annotations;
};

/// What the whole way made of it with other values in its slots.
struct Rehearsed {
  json::value metadata;                 ///< as admission saw it
  std::optional<store::Draft> draft;
};

class KnownCreate {
 public:
  struct Met {
    std::shared_ptr<const KnownCreate> known;
    kinds::Values values{};   ///< of what was sent
    /// The object as admission sees it: metadata alone.
    json::value object(const Birth& birth, const json::storage_ptr& memory) const { return known->object(values, birth, memory); }
    store::Draft draft(const Birth& birth) const { return known->draft(values, birth); }
  };

  const CreateGrounds& grounds() const { return *grounds_; }

 private:
  friend class KnownCreates;
  explicit KnownCreate(const SentCreate& sent);
  bool is_of(const SentCreate& sent) const;
  bool take(const SentCreate& sent, kinds::Values& values) const;
  json::value object(kinds::Values values, const Birth& birth, const json::storage_ptr& memory) const;
  store::Draft draft(kinds::Values values, const Birth& birth) const;

  const std::shared_ptr<const kinds::Type> type_;
  const std::uint32_t schema_epoch_;
  const std::string ns_, manager_;
  const kinds::FieldValidation validation_;
  std::shared_ptr<const CreateGrounds> grounds_;
  std::vector<kinds::Form> forms_;           ///< of the slots
  kinds::SlottedText sent_;
  boost::json::monotonic_resource memory_;
  json::value metadata_;
  kinds::SlottedText name_, before_, behind_;   ///< the object's name; its text before its revision and from there on
  std::vector<kinds::SlottedText> fields_;
  struct Label {
    std::size_t place;   ///< in columns_
    kinds::SlottedText value;
  };
  std::vector<Label> labels_;                ///< with slots
  store::Columns columns_;                   ///< but for name, uid, creation time, fields and what is in labels' slots
  mutable std::uint64_t last_met_ = 0;       ///< KnownCreates' own
};

class KnownCreates {
 public:
  using Rehearse = std::function<std::optional<Rehearsed>(std::string body, const Birth& birth)>;

  /// Whether creates of that kind may be kept.
  static bool may_know(const kinds::Kind& kind);
  std::optional<KnownCreate::Met> find(const SentCreate& sent);
  /// It was met where it does not hold.
  void forget(const KnownCreate& known);
  /// Whether it is worth to remember one that was not met.
  bool is_worth_it();
  /// The whole way has `made` this of it; `rehearse` goes that way once more.
  void remember(const SentCreate& sent, std::shared_ptr<const CreateGrounds> grounds, const store::Draft& made, const Birth& birth, const Rehearse& rehearse);

 private:
  using All = std::vector<std::shared_ptr<const KnownCreate>>;
  std::shared_ptr<const All> all() const;
  void note_met(const KnownCreate& known);
  void keep(std::shared_ptr<const KnownCreate> known);

  mutable std::mutex mutex_;   // guards what follows, and when each was met
  std::shared_ptr<const All> all_ = std::make_shared<All>();   // replaced as a whole
  std::uint64_t met_ = 0;      // so often
  kinds::Credit credit_;
};

}  // namespace keelson::verbs
