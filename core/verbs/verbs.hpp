// Verbs: get, list, create, update, patch, apply, delete with identity, admission, schema and retries, without HTTP.
// The one write path: api/ and plugins/ are its two callers, so nobody has a side door.
//
// Invariants:
//  - An answer to a write means it is as durable as its kind asks for. A write whose result equals what is stored commits
//    nothing and answers the stored object.
//  - Authorization happens here, for every caller. Unconditional writes retry inside (kConflictRetriesMax) on conflict;
//    what admission read is an expectation of the commit, and admission is repeated when it changed.
//  - Several writes in one transact() pass authorization and admission in order, each seeing those before it; any refusal
//    refuses all.
// Threads: any; `done` runs exactly once, on the calling, the committer or a hook's thread, under no lock; it must not wait.
// Ownership: the context and operands are copied or moved in. Must outlive pending calls.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/auth/auth.hpp"
#include "core/base/error.hpp"
#include "core/base/metrics.hpp"
#include "core/base/runtime.hpp"
#include "core/kinds/catalog.hpp"
#include "core/kinds/engine.hpp"
#include "core/store/store.hpp"
#include "core/watch/hub.hpp"
#include "core/watch/selector.hpp"

namespace keelson::audit {
class Notes;   // core/audit/notes.hpp
}

namespace keelson::verbs {

inline constexpr int kConflictRetriesMax = 32;
inline constexpr int kGenerateNameTriesMax = 8;
inline constexpr int kTransactionWritesMax = 128;
inline constexpr std::int64_t kFutureRevisionWait_ms = 3'000;

struct Context {
  auth::Identity user;
  std::string request_id;
  std::string field_manager;        ///< explicit fieldManager, else the User-Agent up to '/'
  store::Revision trigger = 0;      ///< of a reconcile: the revision that led here
  base::Monotonic deadline = base::kForever;
  std::shared_ptr<audit::Notes> notes;   ///< null: the request is not audited
  /// What a write warned of before it failed: complete when the failure is told. Null: nobody asks. Of one write alone.
  std::shared_ptr<std::vector<std::string>> failure_warnings;
};

/// Names an object (or a collection: name empty) by what the URL says.
struct Target {
  kinds::KindRef kind;
  std::string ns, name, subresource;
};

struct WriteOptions {
  bool dry_run = false;
  kinds::FieldValidation validation = kinds::FieldValidation::warn;
  bool force = false;               ///< apply only
};

struct DeleteOptions {
  std::optional<std::int64_t> grace_period_s;
  std::optional<std::string> uid;                 ///< preconditions
  std::optional<std::string> resource_version;
  std::optional<std::string> propagation;         ///< Foreground, Background, Orphan
  std::optional<bool> orphan_dependents;
  bool dry_run = false;
  bool ignore_read_error = false;                 ///< only what cannot be read is deleted, whatever its finalizers
};

/// A request body as it came, or a value already decoded.
struct Body {
  kinds::Media media = kinds::Media::json;
  std::string bytes;
};

struct Written {
  store::ObjectRef object;            ///< as stored (dry run: as it would be, revision 0 on create)
  std::vector<std::string> warnings;
  bool created = false;
  bool gone = false;                  ///< delete: the object is out of the store
  std::vector<std::pair<std::string, std::string>> annotations;   ///< what admission has for the audit log
  /// What the write was made with: let go of it where it was asked for, whose thread allocated it.
  std::shared_ptr<void> made_by;
};
using OnWritten = std::function<void(base::Outcome<Written>)>;
using OnEachWritten = std::function<void(std::size_t place, base::Outcome<Written>)>;

struct ReadOptions {
  enum class Match { unset, not_older_than, exact } match = Match::unset;
  std::optional<store::Revision> revision;        ///< unset: most recent; 0: any
};
struct ListOptions : ReadOptions {
  watch::Selector selector;
  std::int64_t limit = 0;                         ///< 0 = all
  std::string continue_token;
};
struct Listed {
  std::vector<store::ObjectRef> objects;
  store::Revision revision = 0;
  std::string continue_token;
  std::optional<std::int64_t> remaining;          ///< absent under a selector or on the last page
};

class Verbs {
 public:
  virtual ~Verbs() = default;

  virtual void get(const Context& context, Target target, ReadOptions options, std::function<void(base::Outcome<store::ObjectRef>)> done) = 0;
  virtual void list(const Context& context, Target target, ListOptions options, std::function<void(base::Outcome<Listed>)> done) = 0;
  virtual void create(const Context& context, Target target, Body body, WriteOptions options, OnWritten done) = 0;
  virtual void update(const Context& context, Target target, Body body, WriteOptions options, OnWritten done) = 0;
  virtual void patch(const Context& context, Target target, kinds::PatchType type, Body body, WriteOptions options, OnWritten done) = 0;
  virtual void remove(const Context& context, Target target, DeleteOptions options, OnWritten done) = 0;
  /// Answers the deleted (or marked) objects.
  virtual void remove_collection(const Context& context, Target target, ListOptions which, DeleteOptions options, std::function<void(base::Outcome<Listed>)> done) = 0;
  /// Authorized (verb watch) and opened; selectors and revisions are checked. `encoding` as the caller prints.
  virtual base::Outcome<std::unique_ptr<watch::Watch>> watch(const Context& context, Target target, watch::WatchRequest request, watch::WatchSink& sink) = 0;

  /// One atomic step of several writes.
  struct Step {
    enum class Op { create, update, patch, remove } op = Op::create;
    Target target;
    kinds::PatchType patch_type = kinds::PatchType::merge;
    Body body;
    WriteOptions options;
    DeleteOptions delete_options;
  };
  /// Of several writes what one has of its own.
  struct Each {
    std::string ns, name, body;   ///< body: JSON
  };
  /// Each of `writes` for itself, alike in all else: patches, or creates of a subresource. Those of one object in their order.
  void write_each(const Context& context, Step alike, std::vector<Each> writes, OnEachWritten done);
  /// The same where no two are of one object.
  virtual void write_distinct(const Context& context, Step alike, std::vector<Each> writes, OnEachWritten done);

  virtual void transact(const Context& context, std::vector<Step> steps, std::vector<store::Expectation> expectations, std::function<void(base::Outcome<std::vector<Written>>)> done) = 0;

  /// The decoded form of a stored object in `memory`: parsed once per call; brought to the kind's current schema.
  virtual base::Outcome<boost::json::value> decoded(const kinds::Kind& kind, const store::Object& object, boost::json::storage_ptr memory) = 0;
};

/// Durability of a write, by kind and namespace (DESIGN).
store::Durability durability_of(const kinds::Kind& kind, std::string_view ns);
/// Columns of a decoded object: the one place that derives them (also the store's ColumnsOf at start).
store::Columns columns_of(const kinds::Kind& kind, const boost::json::value& object);
/// Of an object whose selectable values are known.
store::Columns columns_of(const kinds::Kind& kind, const boost::json::value& object, std::vector<std::string> selectable);

struct Parts {
  store::Store& store;
  watch::Hub& hub;
  kinds::Registry& registry;
  auth::Chains& chains;
  auth::TokenIssuer* tokens = nullptr;   ///< for serviceaccounts/token
  base::Runtime& runtime;
  base::Metrics& metrics;
};
std::unique_ptr<Verbs> make_verbs(Parts parts);

}  // namespace keelson::verbs
