#include "core/fairness/keeper.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <map>
#include <mutex>

#include "core/auth/json_access.hpp"
#include "core/base/log.hpp"
#include "core/fairness/bootstrap.hpp"
#include "core/kinds/engine.hpp"
#include "core/verbs/own_context.hpp"

namespace keelson::fairness {
namespace {

namespace json = boost::json;

constexpr std::string_view kGroup = "flowcontrol.apiserver.k8s.io";
constexpr std::string_view kSchemas = "flowschemas", kLevels = "prioritylevelconfigurations";

using Objects = std::map<std::string, json::value>;

class Keeping final : public store::FeedSink, public std::enable_shared_from_this<Keeping> {
 public:
  Keeping(Fairness& fairness, store::Store& store, verbs::Verbs& verbs, kinds::Registry& registry, base::Runtime& runtime)
      : fairness_(fairness), store_(store), verbs_(verbs), registry_(registry), runtime_(runtime), idle_(runtime.waiter()) {}

  void start() {
    subscription_ = store_.subscribe(*this).first;
    work();
  }
  void stop() {
    subscription_.reset();
    bool working;
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      working = working_;
      if (armed_) runtime_.cancel(timer_);
    }
    if (working) idle_->wait_until(base::kForever);
  }

 private:
  void on_changes(std::span<const store::Change> changes) override {
    const auto ours = [](const store::Change& change) {
      const auto resource = change.object->key().resource;
      return resource == schemas_atom() || resource == levels_atom();
    };
    if (std::any_of(changes.begin(), changes.end(), ours)) arm();
  }
  static base::Atom schemas_atom() {
    static const base::Atom atom(std::string(kSchemas) + "." + std::string(kGroup));
    return atom;
  }
  static base::Atom levels_atom() {
    static const base::Atom atom(std::string(kLevels) + "." + std::string(kGroup));
    return atom;
  }

  void arm() {
    const std::lock_guard lock(mutex_);
    if (armed_ || stopped_) return;
    armed_ = true;
    timer_ = runtime_.schedule_at(runtime_.in_ms(kSettle_ms), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->turn();
    });
  }
  void turn() {
    {
      const std::lock_guard lock(mutex_);
      armed_ = false;
      if (stopped_) return;
      working_ = true;
    }
    work();
    const std::lock_guard lock(mutex_);
    working_ = false;
    if (stopped_) idle_->notify();
  }

  void work() {
    auto levels = stored(levels_atom()), schemas = stored(schemas_atom());
    keep(kLevels, bootstrap_levels(), levels);
    keep(kSchemas, bootstrap_schemas(), schemas);
    std::vector<LevelSpec> level_specs;
    std::vector<SchemaSpec> schema_specs;
    for (const auto& [name, object] : levels) level_specs.push_back(level_of(object));
    for (const auto& [name, object] : schemas) schema_specs.push_back(schema_of(object));
    fairness_.set(std::move(schema_specs), level_specs);
    for (const auto& [name, object] : schemas) tell(object, levels.contains(std::string(auth::text_at(object, {"spec", "priorityLevelConfiguration", "name"}))));
  }

  Objects stored(base::Atom resource) const {
    Objects out;
    store_.snapshot().scan(resource, "", nullptr, [&](const store::ObjectRef& object) {
      boost::system::error_code broken;
      auto value = json::parse(json::string_view(object->body().data(), object->body().size()), broken);
      if (!broken) out.emplace(object->key().name, std::move(value));
      return true;
    });
    return out;
  }

  /// Writes what is missing or differs; `objects` are then what counts.
  void keep(std::string_view resource, std::vector<Wanted> all, Objects& objects) {
    const auto kind = registry_.current()->find(kGroup, "v1", resource);
    if (!kind) return;
    for (auto& wanted : all) {
      const std::string name(auth::text_at(wanted.object, {"metadata", "name"}));
      const auto found = objects.find(name);
      json::value meant(wanted.object);
      kinds::apply_defaults(*kind, meant);
      if (found == objects.end()) {
        verbs_.create(context(), {kind, {}, {}, {}}, {kinds::Media::json, json::serialize(wanted.object)}, {}, noted("create", name));
        objects.emplace(name, std::move(meant));
        continue;
      }
      const auto* annotations = auth::find(found->second, {"metadata", "annotations"});
      const auto* kept = annotations && annotations->is_object() ? annotations->get_object().if_contains(kAutoUpdate) : nullptr;
      const bool ours = wanted.mandatory || (kept && *kept == json::value("true"));
      if (!ours || found->second.at("spec") == meant.at("spec")) continue;
      const json::array patch{json::object{{"op", "replace"}, {"path", "/spec"}, {"value", meant.at("spec")}}};
      verbs_.patch(context(), {kind, {}, name, {}}, kinds::PatchType::json, {kinds::Media::json, json::serialize(patch)}, {}, noted("update", name));
      found->second.as_object()["spec"] = meant.at("spec");
    }
  }

  void tell(const json::value& schema, bool level_found) {
    const auto level = auth::text_at(schema, {"spec", "priorityLevelConfiguration", "name"});
    const std::string_view status = level_found ? "False" : "True";
    if (const auto* conditions = auth::list_at(schema, {"status", "conditions"}))
      for (const auto& condition : *conditions)
        if (auth::text_at(condition, {"type"}) == "Dangling" && auth::text_at(condition, {"status"}) == status) return;
    if (!auth::find(schema, {"metadata", "uid"})) return;   // not stored yet: its creation comes back as a change
    const auto message = "This FlowSchema references the PriorityLevelConfiguration object named \"" + std::string(level) + "\" " + (level_found ? "and it exists" : "but there is no such object");
    const json::object condition{{"type", "Dangling"}, {"status", status}, {"reason", level_found ? "Found" : "NotFound"}, {"message", message}, {"lastTransitionTime", base::rfc3339(runtime_.unix_s())}};
    const json::object patch{{"status", json::object{{"conditions", json::array{condition}}}}};
    const auto kind = registry_.current()->find(kGroup, "v1", kSchemas);
    const std::string name(auth::text_at(schema, {"metadata", "name"}));
    verbs_.patch(context(), {kind, {}, name, "status"}, kinds::PatchType::merge, {kinds::Media::json, json::serialize(patch)}, {}, noted("update the status of", name));
  }

  static verbs::Context context() { return verbs::own_context("fairness", "system:apiserver", "api-priority-and-fairness-config-producer-v1"); }
  static verbs::OnWritten noted(const char* what, const std::string& name) {
    return [what, name](const base::Outcome<verbs::Written>& outcome) {
      if (outcome || outcome.error().code == 409 || outcome.error().code == 404 || outcome.error().code == 503) return;   // changed or stopped meanwhile
      base::log_warn("fairness", std::string("could not ") + what + " an object of flow control", {{"name", name}, {"what", outcome.error().message}});
    };
  }

  Fairness& fairness_;
  store::Store& store_;
  verbs::Verbs& verbs_;
  kinds::Registry& registry_;
  base::Runtime& runtime_;
  std::unique_ptr<store::Subscription> subscription_;
  const std::unique_ptr<base::Waiter> idle_;
  std::mutex mutex_;
  base::TimerId timer_ = 0;                                       // under mutex_, like all below
  bool armed_ = false, working_ = false, stopped_ = false;
};

class RunningKeeper final : public Keeper {
 public:
  explicit RunningKeeper(std::shared_ptr<Keeping> keeping) : keeping_(std::move(keeping)) { keeping_->start(); }
  ~RunningKeeper() override { stop(); }
  void stop() override {
    if (std::exchange(stopped_, true)) return;
    keeping_->stop();
  }

 private:
  std::shared_ptr<Keeping> keeping_;
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<Keeper> make_keeper(Fairness& fairness, store::Store& store, verbs::Verbs& verbs, kinds::Registry& registry, base::Runtime& runtime) {
  return std::make_unique<RunningKeeper>(std::make_shared<Keeping>(fairness, store, verbs, registry, runtime));
}

}  // namespace keelson::fairness
