#include "core/fairness/keeper.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <map>

#include "core/auth/json_access.hpp"
#include "core/base/json_value.hpp"
#include "core/base/log.hpp"
#include "core/base/timed_turns.hpp"
#include "core/fairness/bootstrap.hpp"
#include "core/kinds/engine.hpp"
#include "core/verbs/own_context.hpp"

namespace keelson::fairness {
namespace {

namespace json = boost::json;

constexpr std::string_view kGroup = "flowcontrol.apiserver.k8s.io";
constexpr std::string_view kSchemas = "flowschemas", kLevels = "prioritylevelconfigurations";

struct Stored {
  json::value object;
  store::Revision revision = 0;   // 0: about to be stored
};
using Objects = std::map<std::string, Stored>;

class Keeping final : public Keeper, private store::FeedSink {
 public:
  Keeping(Fairness& fairness, store::Store& store, verbs::Verbs& verbs, kinds::Registry& registry, base::Runtime& runtime)
      : fairness_(fairness), store_(store), verbs_(verbs), registry_(registry), runtime_(runtime), turns_(runtime, [this] { work(); }) {
    turns_.now([this] {
      subscription_ = store_.subscribe(*this).first;
      work();
    });
  }
  ~Keeping() override { stop(); }
  void stop() override {
    subscription_.reset();
    turns_.stop();
  }

 private:
  void on_changes(std::span<const store::Change> changes) override {
    const auto ours = [](const store::Change& change) {
      const auto resource = change.object->key().resource;
      return resource == schemas_atom() || resource == levels_atom();
    };
    if (std::any_of(changes.begin(), changes.end(), ours)) turns_.in_ms(kSettle_ms);
  }
  static base::Atom schemas_atom() {
    static const base::Atom atom(std::string(kSchemas) + "." + std::string(kGroup));
    return atom;
  }
  static base::Atom levels_atom() {
    static const base::Atom atom(std::string(kLevels) + "." + std::string(kGroup));
    return atom;
  }

  void work() {
    auto levels = stored(levels_atom()), schemas = stored(schemas_atom());
    keep(kLevels, bootstrap_levels(), levels);
    keep(kSchemas, bootstrap_schemas(), schemas);
    std::vector<LevelSpec> level_specs;
    std::vector<SchemaSpec> schema_specs;
    for (const auto& [name, level] : levels) level_specs.push_back(level_of(level.object));
    for (const auto& [name, schema] : schemas) schema_specs.push_back(schema_of(schema.object));
    fairness_.set(std::move(schema_specs), level_specs);
    for (const auto& [name, schema] : schemas) tell(schema, levels.contains(std::string(auth::text_at(schema.object, {"spec", "priorityLevelConfiguration", "name"}))));
  }

  Objects stored(base::Atom resource) const {
    Objects out;
    store_.snapshot().scan(resource, "", nullptr, [&](const store::ObjectRef& object) {
      boost::system::error_code broken;
      auto value = base::json_of(object->body(), broken);
      if (!broken) out.emplace(object->key().name, Stored{std::move(value), object->revision()});
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
        verbs_.create(context(0), {kind, {}, {}, {}}, {kinds::Media::json, json::serialize(wanted.object)}, {}, noted("create", name));
        objects.emplace(name, Stored{std::move(meant), 0});
        continue;
      }
      const auto* annotations = auth::find(found->second.object, {"metadata", "annotations"});
      const auto* kept = annotations && annotations->is_object() ? annotations->get_object().if_contains(kAutoUpdate) : nullptr;
      const bool ours = wanted.mandatory || (kept && *kept == json::value("true"));
      if (!ours || found->second.object.at("spec") == meant.at("spec")) continue;
      const json::array patch{json::object{{"op", "replace"}, {"path", "/metadata/resourceVersion"}, {"value", std::to_string(found->second.revision)}},
                              json::object{{"op", "replace"}, {"path", "/spec"}, {"value", meant.at("spec")}}};
      verbs_.patch(context(found->second.revision), {kind, {}, name, {}}, kinds::PatchType::json, {kinds::Media::json, json::serialize(patch)}, {}, noted("update", name));
      found->second.object.as_object()["spec"] = meant.at("spec");
    }
  }

  void tell(const Stored& stored, bool level_found) {
    const auto& schema = stored.object;
    const auto level = auth::text_at(schema, {"spec", "priorityLevelConfiguration", "name"});
    const std::string_view status = level_found ? "False" : "True";
    if (const auto* conditions = auth::list_at(schema, {"status", "conditions"}))
      for (const auto& condition : *conditions)
        if (auth::text_at(condition, {"type"}) == "Dangling" && auth::text_at(condition, {"status"}) == status) return;
    if (!auth::find(schema, {"metadata", "uid"})) return;   // not stored yet: its creation comes back as a change
    const auto message = "This FlowSchema references the PriorityLevelConfiguration object named \"" + std::string(level) + "\" " + (level_found ? "and it exists" : "but there is no such object");
    const json::object condition{{"type", "Dangling"}, {"status", status}, {"reason", level_found ? "Found" : "NotFound"}, {"message", message}, {"lastTransitionTime", base::rfc3339(runtime_.unix_s())}};
    const auto kind = registry_.current()->find(kGroup, "v1", kSchemas);
    const std::string name(auth::text_at(schema, {"metadata", "name"}));
    // Applied, so that conditions of others stay.
    const json::object applied{{"apiVersion", kind->api_version()}, {"kind", kind->kind}, {"metadata", {{"name", name}, {"uid", auth::text_at(schema, {"metadata", "uid"})}}},
                               {"status", {{"conditions", json::array{condition}}}}};
    verbs::WriteOptions options;
    options.force = true;
    verbs_.patch(context(stored.revision), {kind, {}, name, "status"}, kinds::PatchType::apply, {kinds::Media::json, json::serialize(applied)}, options, noted("update the status of", name));
  }

  static verbs::Context context(store::Revision trigger) {
    return verbs::caused_by(trigger, verbs::own_context("fairness", "system:apiserver", "api-priority-and-fairness-config-producer-v1"));
  }
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
  base::TimedTurns turns_;
};

}  // namespace

std::unique_ptr<Keeper> make_keeper(Fairness& fairness, store::Store& store, verbs::Verbs& verbs, kinds::Registry& registry, base::Runtime& runtime) {
  return std::make_unique<Keeping>(fairness, store, verbs, registry, runtime);
}

}  // namespace keelson::fairness
