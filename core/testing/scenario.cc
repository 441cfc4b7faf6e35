#include "sdk/testing/scenario.hpp"

#include <boost/json.hpp>

#include <filesystem>
#include <map>
#include <set>

#include "core/base/json_value.hpp"
#include "sdk/testing/cluster.hpp"
#include "core/testing/documents.hpp"

namespace keelson::testing {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

std::string text(const json::object& object, std::string_view name, std::string fallback = {}) {
  const auto* value = object.if_contains(name);
  if (value == nullptr) return fallback;
  return value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
}

std::chrono::nanoseconds duration(const json::value& value) {
  const auto written = value.is_string() ? std::string(value.get_string()) : json::serialize(value);
  std::size_t digits = 0;
  const auto number = std::stod(written, &digits);
  const auto unit = written.substr(digits);
  const double seconds = unit == "ms" ? 0.001 : unit == "m" ? 60 : unit == "h" ? 3600 : unit == "s" || unit.empty() ? 1 : throw Failure("unknown duration " + written);
  return std::chrono::nanoseconds(static_cast<std::int64_t>(number * seconds * 1e9));
}

class Scenario {
 public:
  Scenario(const fs::path& file, const json::object& root, const std::string& plugins) : directory_(file.parent_path()), cluster_(options(root, plugins)) {}

  void step(const json::value& written) {
    const auto step = kept_.empty() ? written : base::json_of(with_kept(json::serialize(written)));
    if (step.is_string()) return simple(std::string(step.get_string()));
    for (const auto& action : step.as_object()) act(std::string(action.key()), action.value());
  }

 private:
  static Options options(const json::object& root, const std::string& plugins) {
    Options wanted;
    if (const auto* seed = root.if_contains("seed")) wanted.seed = seed->to_number<std::uint64_t>();
    wanted.plugin_directory = plugins;
    if (const auto* config = root.if_contains("config"))
      for (const auto& entry : config->as_object()) wanted.config.emplace(entry.key(), text(config->as_object(), entry.key()));
    return wanted;
  }

  void simple(const std::string& action) {
    if (action == "settle") return cluster_.settle();
    if (action == "restart") return restart();
    if (action == "crash") return cluster_.crash();
    if (action == "dropWatches") return cluster_.drop_watches();
    throw Failure("unknown step " + action);
  }

  void act(const std::string& action, const json::value& value) {
    if (action == "settle") return cluster_.settle();
    if (action == "load") return each(value, [&](const std::string& name) { load(name); });
    if (action == "unload") return each(value, [&](const std::string& name) { unload(name); });
    if (action == "apply") return cluster_.apply_yaml(std::string(value.as_string()) + "\n");
    if (action == "applyFile") return cluster_.apply_yaml((directory_ / std::string(value.as_string())).string());
    if (action == "patch") return patch(value.as_object());
    if (action == "delete") return remove(value.as_object());
    if (action == "advance") return cluster_.advance(duration(value));
    if (action == "expect") return expect(value.as_object());
    if (action == "inject") return inject(value.as_object());
    if (action == "keep") return keep(value.as_object());
    if (action == "refuse") return refuse(value.as_object());
    throw Failure("unknown step " + action);
  }

  static void each(const json::value& value, const std::function<void(const std::string&)>& run) {
    if (value.is_string()) return run(std::string(value.get_string()));
    for (const auto& item : value.as_array()) run(std::string(item.as_string()));
  }

  void load(const std::string& name) {
    cluster_.load(name);
    loaded_.insert(name);
  }
  void unload(const std::string& name) {
    cluster_.unload(name);
    loaded_.erase(name);
  }
  void restart() {
    const auto names = loaded_;
    for (const auto& name : names) unload(name);
    for (const auto& name : names) load(name);
  }

  void inject(const json::object& o) {
    Faults faults;
    if (const auto* share = o.if_contains("conflicts")) faults.conflicts = share->to_number<double>();
    if (const auto* delay = o.if_contains("writeDelay")) faults.write_delay = duration(*delay);
    cluster_.inject(faults);
  }

  static Name name_of(const json::object& o) { return {text(o, "kind"), text(o, "name"), text(o, "namespace", "default"), text(o, "apiVersion")}; }

  void patch(const json::object& o) {
    json::object body;
    for (const auto& member : o)
      if (member.key() != "kind" && member.key() != "name" && member.key() != "namespace" && member.key() != "apiVersion" && member.key() != "subresource") body[member.key()] = member.value();
    if (o.contains("subresource")) return cluster_.patch_json(name_of(o), json::serialize(body), text(o, "subresource"));
    if (const auto* status = body.if_contains("status")) {
      cluster_.patch_json(name_of(o), json::serialize(json::object{{"status", *status}}), "status");
      body.erase("status");
    }
    if (!body.empty()) cluster_.patch_json(name_of(o), json::serialize(body));
  }

  void remove(const json::object& o) {
    const auto* grace = o.if_contains("gracePeriodSeconds");
    cluster_.remove(name_of(o), text(o, "propagation"), grace != nullptr ? std::optional(grace->to_number<std::int64_t>()) : std::nullopt);
  }

  std::string with_kept(std::string step) const {
    for (const auto& [name, value] : kept_)
      for (auto at = step.find(name); at != std::string::npos; at = step.find(name, at + value.size())) step.replace(at, name.size(), value);
    return step;
  }

  void keep(const json::object& o) {
    const auto found = cluster_.find_json(name_of(o));
    if (!found) throw Failure("there is no " + text(o, "kind") + " " + text(o, "name"));
    const auto object = base::json_of(*found);
    const auto& value = object.at_pointer(text(o, "path"));
    kept_["${" + text(o, "as") + "}"] = value.is_string() ? std::string(value.get_string()) : json::serialize(value);
  }

  std::string unmet(const json::object& o) {
    if (o.contains("name")) return unmet_object(o);
    std::vector<json::value> found;
    const auto* where = o.if_contains("where");
    for (const auto& object : cluster_.list_json(text(o, "kind"), text(o, "namespace"), text(o, "labels"), text(o, "fields"))) {
      auto value = base::json_of(object);
      if (where == nullptr || mismatch(*where, value).empty()) found.push_back(std::move(value));
    }
    if (!counted(o, found.size())) {
      std::string names;
      for (const auto& object : found) names += " " + std::string(object.at("metadata").at("name").as_string());
      return "found " + std::to_string(found.size()) + ":" + names;
    }
    for (const auto& object : found)
      if (const auto* match = o.if_contains("match"))
        if (auto wrong = mismatch(*match, object); !wrong.empty()) return wrong;
    return {};
  }

  static bool counted(const json::object& o, std::size_t found) {
    const auto bound = [&](const char* name, std::size_t otherwise) {
      const auto* value = o.if_contains(name);
      return value != nullptr ? value->to_number<std::size_t>() : otherwise;
    };
    return found == bound("count", found) && found >= bound("atLeast", 0) && found <= bound("atMost", found);
  }

  std::string unmet_object(const json::object& o) {
    const auto found = cluster_.find_json(name_of(o));
    if (o.contains("absent")) return found ? "it is there: " + *found : "";
    if (!found) return "it is not there";
    const auto* match = o.if_contains("match");
    return match != nullptr ? mismatch(*match, base::json_of(*found)) : "";
  }

  void expect(const json::object& o) {
    std::string wrong;
    const auto* within = o.if_contains("within");
    const auto limit = within != nullptr ? duration(*within) : std::chrono::nanoseconds(0);
    if (!cluster_.wait_until([&] { return (wrong = unmet(o)).empty(); }, limit)) throw unmet_failure(o, wrong);
    const auto* throughout = o.if_contains("throughout");
    if (throughout == nullptr) return;
    if (cluster_.wait_until([&] { return !(wrong = unmet(o)).empty(); }, duration(*throughout))) throw unmet_failure(o, "no more: " + wrong);
  }

  static Failure unmet_failure(const json::object& o, const std::string& wrong) {
    return Failure(text(o, "kind") + " " + text(o, "name", text(o, "labels")) + ": " + wrong);
  }

  void refuse(const json::object& o) {
    const auto part = text(o, "message");
    try {
      for (const auto& action : o)
        if (action.key() != "message") act(std::string(action.key()), action.value());
    } catch (const Failure& refused) {
      if (std::string(refused.what()).find(part) == std::string::npos) throw Failure("refused by another message: " + std::string(refused.what()));
      return;
    }
    throw Failure("it was not refused");
  }

  const fs::path directory_;
  Cluster cluster_;
  std::set<std::string> loaded_;
  std::map<std::string, std::string> kept_;   // "${name}" -> text
};

}  // namespace

void run_scenario(const std::string& file, const std::string& plugin_directory) {
  const auto all = documents(file);
  const auto& root = all.at(0).as_object();
  Scenario scenario(file, root, plugin_directory);
  std::size_t number = 0;
  for (const auto& step : root.at("steps").as_array()) {
    ++number;
    try {
      scenario.step(step);
    } catch (const std::exception& wrong) {
      throw Failure(file + ": step " + std::to_string(number) + ": " + wrong.what() + "\n  " + json::serialize(step).substr(0, 300));
    }
  }
}

}  // namespace keelson::testing
