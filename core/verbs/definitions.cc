#include "core/verbs/definitions.hpp"

#include <algorithm>
#include <atomic>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/serialize.hpp>
#include <map>
#include <mutex>
#include <set>

#include "core/auth/json_access.hpp"
#include "core/base/json_value.hpp"
#include "core/base/log.hpp"
#include "core/kinds/crd/compiled_definitions.hpp"
#include "core/kinds/crd/names.hpp"
#include "core/store/unreadable.hpp"
#include "core/verbs/metadata.hpp"
#include "core/verbs/own_context.hpp"

namespace keelson::verbs {
namespace {

constexpr std::string_view kResource = "customresourcedefinitions.apiextensions.k8s.io";

/// What is to be looked at, shared with callbacks that may come late.
class Queue {
 public:
  explicit Queue(base::Runtime& runtime) : waiter_(runtime.waiter()) {}
  void add(std::string name) {
    {
      const std::lock_guard lock(mutex_);
      names_.insert(std::move(name));
    }
    waiter_->notify();
  }
  std::set<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(names_, {});
  }
  void end() {
    ended_ = true;
    waiter_->notify();
  }
  /// A write for `name` begins: nothing is looked at until it is done.
  void write_begins(const std::string& name) {
    const std::lock_guard lock(mutex_);
    writes_[name] = {};
  }
  /// `settled`: in this revision there is nothing to be done.
  void write_ends(const std::string& name, store::Revision settled) {
    const std::lock_guard lock(mutex_);
    auto& write = writes_[name];
    write.done = true;
    write.settled = settled;
    if (write.missed) names_.insert(name), waiter_->notify();
    else if (settled == 0) writes_.erase(name);
  }
  /// False: a write is on its way, or what it left is known.
  bool to_be_looked_at(const std::string& name, store::Revision revision) {
    const std::lock_guard lock(mutex_);
    const auto write = writes_.find(name);
    if (write == writes_.end()) return true;
    if (!write->second.done) return write->second.missed = true, false;
    const bool known = revision != 0 && write->second.settled == revision;
    writes_.erase(write);
    return !known;
  }
  bool ended() const { return ended_; }
  void wait() { waiter_->wait_until(base::kForever); }

 private:
  const std::unique_ptr<base::Waiter> waiter_;
  std::mutex mutex_;
  std::set<std::string> names_;
  struct Write {
    bool done = false, missed = false;
    store::Revision settled = 0;
  };
  std::map<std::string, Write> writes_;
  std::atomic<bool> ended_{false};
};

class StoredDefinitions final : public Definitions, private store::FeedSink {
 public:
  StoredDefinitions(store::Store& store, Verbs& verbs, kinds::Registry& registry, base::Runtime& runtime)
      : store_(store), verbs_(verbs), registry_(registry), runtime_(runtime), queue_(std::make_shared<Queue>(runtime)) {
    subscription_ = store_.subscribe(*this).first;
    store_.snapshot().scan(resource_, "", nullptr, [this](const store::ObjectRef& object) {
      Memory memory;
      auto definition = read(*object, memory);
      const bool served = kinds::has_condition(definition, "Established") && serve(definition);
      if (!served || object->deleting() || !kinds::has_condition(definition, "NamesAccepted")) queue_->add(object->key().name);
      return true;
    });
    thread_ = runtime_.spawn("definitions", [this] { run(); });
  }
  ~StoredDefinitions() override { stop(); }

  void stop() override {
    subscription_.reset();
    queue_->end();
    thread_.reset();
  }

 private:
  struct Served {
    std::string uid;
    std::int64_t generation = 0;
    std::string names;            ///< accepted, as JSON
    bool ending = false;
    base::Atom storage_key;
  };

  void on_changes(std::span<const store::Change> changes) override {
    for (const auto& change : changes) {
      const auto& key = change.object->key();
      if (key.resource == resource_) queue_->add(key.name);
      else if (change.type == store::ChangeType::deleted && endings_ > 0) note_gone(key.resource);
    }
  }

  void note_gone(base::Atom resource) {
    const std::lock_guard lock(ending_mutex_);
    if (ending_.contains(resource)) queue_->add(std::string(resource.text()));
  }

  using Memory = json::monotonic_resource;

  static json::value read(const store::Object& object, Memory& memory) {
    boost::system::error_code error;
    return base::json_of(object.body(), error, &memory);
  }

  void run() {
    for (queue_->wait(); !queue_->ended(); queue_->wait())
      for (const auto& name : queue_->take()) look_at(name);
  }

  void look_at(const std::string& name) {
    const auto object = store_.snapshot().get({resource_, "", name});
    if (object && store::is_unreadable(*object)) return;
    if (!queue_->to_be_looked_at(name, object ? object->revision() : 0)) return;
    const auto held = served_.find(name);
    if (held != served_.end() && (!object || object->columns().uid != held->second.uid)) withdraw(held);
    if (!object) {
      waiting_.erase(name);
      return;
    }
    Memory memory;
    auto definition = read(*object, memory);
    if (object->deleting()) return end(name, *object, definition);
    settle(name, *object, definition);
  }

  void settle(const std::string& name, const store::Object& object, json::value& definition) {
    const auto judged = kinds::judge_names(definition, *registry_.current(), base::rfc3339(runtime_.unix_s()));
    if (judged.accepted) waiting_.erase(name);
    else waiting_.insert(name);
    auto& status = object_at(definition, {"status"});
    bool changed = false;
    for (const auto& entry : judged.status) {
      auto& held = status[entry.key()];
      if (held == entry.value()) continue;
      held = entry.value();
      changed = true;
    }
    const std::string uid(auth::text_at(definition, {"metadata", "uid"}));
    if (judged.established && !serve(definition)) return;
    if (changed) write(object, "status", json::object{{"metadata", {{"uid", uid}, {"resourceVersion", std::to_string(object.revision())}}}, {"status", judged.status}}, judged.accepted ? auth::integer_at(definition, {"metadata", "generation"}) : 0);
  }

  static Served as_served(const json::value& definition, const json::value& status, bool ending) {
    const auto* names = auth::find(status, {"acceptedNames"});
    return {std::string(auth::text_at(definition, {"metadata", "uid"})), auth::integer_at(definition, {"metadata", "generation"}), names ? json::serialize(*names) : "", ending, {}};
  }

  bool is_served(const json::value& definition, const json::value& status, bool ending) const {
    const auto held = served_.find(std::string(auth::text_at(definition, {"metadata", "name"})));
    if (held == served_.end()) return false;
    const auto now = as_served(definition, status, ending);
    return held->second.uid == now.uid && held->second.generation == now.generation && held->second.names == now.names && held->second.ending == now.ending;
  }

  /// Installs what changed, under the accepted names, which become those asked for in `definition`. False: it cannot be served.
  bool serve(json::value& definition, bool ending = false) {
    const std::string name(auth::text_at(definition, {"metadata", "name"}));
    const auto* status = auth::find(definition, {"status"});
    const json::value none;
    if (is_served(definition, status ? *status : none, ending)) return true;
    auto now = as_served(definition, status ? *status : none, ending);
    const auto held = served_.find(name);
    auto compiled = compile(definition);
    if (!compiled) return fail(name, compiled.error().message);
    if (compiled->empty()) {
      if (held != served_.end()) withdraw(held);
      return true;
    }
    now.storage_key = compiled->front().storage_key;
    if (ending)
      for (auto& kind : *compiled) kind.verbs = {"delete", "deletecollection", "get", "list", "watch"};
    if (auto installed = registry_.install_versions(std::move(*compiled)); !installed) return fail(name, installed.error().message);
    served_[name] = std::move(now);
    return true;
  }

  static base::Outcome<std::vector<kinds::Kind>> compile(json::value& definition) {
    const auto* accepted = auth::find(definition, {"status", "acceptedNames"});
    auto& names = auth::object_at(definition, {"spec"})["names"];
    const bool as_asked = !accepted || *accepted == names;
    if (!as_asked) names = *accepted;
    if (auto kept = kinds::take_compiled(auth::text_at(definition, {"metadata", "uid"})); as_asked && !kept.empty() && is_new(definition)) return kept;
    return kinds::kinds_from_crd(definition);
  }

  static bool is_new(const json::value& definition) { return auth::integer_at(definition, {"metadata", "generation"}) == 1; }

  static bool fail(const std::string& name, const std::string& why) {
    base::log_error("verbs", "a definition cannot be served", {{"definition", name}, {"error", why}});
    return false;
  }

  void withdraw(std::map<std::string, Served>::iterator held) {
    registry_.withdraw(held->second.storage_key);
    {
      const std::lock_guard lock(ending_mutex_);
      endings_ -= ending_.erase(held->second.storage_key);
    }
    served_.erase(held);
    for (const auto& name : waiting_) queue_->add(name);   // a name may have become free
  }

  void end(const std::string& name, const store::Object& object, json::value& definition) {
    const auto& finalizers = object.columns().finalizers;
    if (std::find(finalizers.begin(), finalizers.end(), kinds::kCleanupFinalizer) == finalizers.end()) return;
    if (kinds::has_condition(definition, "Established") && serve(definition, true) && remove_objects(object)) return;
    json::array left;
    for (const auto& finalizer : finalizers)
      if (finalizer != kinds::kCleanupFinalizer) left.emplace_back(finalizer);
    write(object, "", json::object{{"metadata", {{"uid", object.columns().uid}, {"resourceVersion", std::to_string(object.revision())}, {"finalizers", std::move(left)}}}}, 0);
  }

  /// True while there are any.
  bool remove_objects(const store::Object& definition) {
    const auto held = served_.find(definition.key().name);
    const auto kind = held == served_.end() ? nullptr : registry_.current()->by_storage_key(held->second.storage_key);
    if (!kind) return false;
    {
      // Noted before they are counted, so that the last one cannot go unseen.
      const std::lock_guard lock(ending_mutex_);
      if (ending_.insert(kind->storage_key).second) ++endings_;
    }
    bool any = false;
    store_.snapshot().scan(kind->storage_key, "", nullptr, [&](const store::ObjectRef& object) {
      any = true;
      if (!object->deleting()) remove_one(kind, *object, definition.revision());
      return true;
    });
    return any;
  }

  void remove_one(const kinds::KindRef& kind, const store::Object& object, store::Revision trigger) {
    DeleteOptions options;
    options.uid = object.columns().uid;
    verbs_.remove(caused_by(trigger, own_context("definitions")), {kind, object.key().ns, object.key().name, {}}, std::move(options), again(std::string(kind->storage_key.text())));
  }

  /// `settles`: the generation for which there is nothing more to be done afterwards; 0: there is.
  void write(const store::Object& definition, std::string subresource, const json::object& patch, std::int64_t settles) {
    const auto& name = definition.key().name;
    const auto kind = registry_.current()->by_storage_key(resource_);
    queue_->write_begins(name);
    auto done = [queue = queue_, name, settles, again = again(name)](base::Outcome<Written> outcome) {
      const bool settled = settles != 0 && outcome && outcome->object->columns().generation == settles && !outcome->object->deleting();
      queue->write_ends(name, settled ? outcome->object->revision() : 0);
      again(std::move(outcome));
    };
    verbs_.patch(caused_by(definition.revision(), own_context("definitions")), {kind, "", name, std::move(subresource)}, kinds::PatchType::merge, {kinds::Media::json, json::serialize(patch)}, {}, std::move(done));
  }

  /// Looks at `name` again when a write failed for a reason that may pass.
  OnWritten again(std::string name) {
    return [queue = queue_, name = std::move(name), runtime = &runtime_](base::Outcome<Written> outcome) {
      if (outcome || outcome.error().code == 404 || queue->ended()) return;
      if (outcome.error().code != 409) base::log_error("verbs", "a write for a definition failed", {{"definition", name}, {"error", outcome.error().message}});
      runtime->schedule_at(runtime->in_ms(kDefinitionRetry_ms), [queue, name] { queue->add(name); });
    };
  }

  store::Store& store_;
  Verbs& verbs_;
  kinds::Registry& registry_;
  base::Runtime& runtime_;
  const base::Atom resource_{kResource};
  const std::shared_ptr<Queue> queue_;   // shared: callbacks of writes may come after stop()
  std::map<std::string, Served> served_;
  std::set<std::string> waiting_;        // for names that others have
  std::mutex ending_mutex_;
  std::set<base::Atom> ending_;          // storage keys whose objects are being removed
  std::atomic<std::size_t> endings_{0};
  std::unique_ptr<store::Subscription> subscription_;
  std::unique_ptr<base::Thread> thread_;
};

}  // namespace

std::unique_ptr<Definitions> make_definitions(store::Store& store, Verbs& verbs, kinds::Registry& registry, base::Runtime& runtime) {
  return std::make_unique<StoredDefinitions>(store, verbs, registry, runtime);
}

void begin_definition_end(json::value& definition, std::int64_t now_unix_s) {
  auto finalizers = finalizers_of(definition);
  const std::string own(kinds::kCleanupFinalizer);
  if (std::find(finalizers.begin(), finalizers.end(), own) == finalizers.end()) finalizers.push_back(own);
  set_finalizers(definition, finalizers);
  auto& conditions = list_in(object_at(definition, {"status"}), "conditions");
  kinds::set_condition(conditions, "Terminating", "True", "InstanceDeletionPending",
                       "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon", base::rfc3339(now_unix_s));
}

}  // namespace keelson::verbs
