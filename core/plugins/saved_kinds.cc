#include "core/plugins/saved_kinds.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/base/durable_file.hpp"
#include "core/base/json_value.hpp"
#include "core/base/log.hpp"
#include "core/kinds/engine.hpp"
#include "core/plugins/host.hpp"

namespace keelson::plugins {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

constexpr mode_t kPrivateDirectory = 0700, kPrivateFile = 0600;

/// What the plugin itself answers of a kind that is stored nowhere: verbs, separated by commas.
constexpr std::string_view kServedVerbs = "keelson.dev/served-verbs";

std::vector<std::string> served_verbs(const json::value& crd) {
  std::vector<std::string> verbs;
  boost::system::error_code absent;
  const auto* value = crd.find_pointer("/metadata/annotations", absent);
  const auto* annotations = value ? value->if_object() : nullptr;
  const auto* text = annotations ? annotations->if_contains(kServedVerbs) : nullptr;
  if (!text || !text->is_string()) return verbs;
  std::istringstream list{std::string(text->get_string())};
  for (std::string verb; std::getline(list, verb, ',');) verbs.push_back(verb);
  return verbs;
}

}  // namespace

SavedKinds::SavedKinds(const std::string& data_dir, const std::string& what) : directory_(data_dir.empty() ? std::string() : data_dir + "/plugins/" + what) {}

void SavedKinds::save(const std::string& plugin, const std::vector<std::string>& crds) const {
  if (directory_.empty()) return;
  if (crds.empty()) return forget(plugin);
  const auto file = directory_ + "/" + plugin + ".json";
  const auto text = json::serialize(json::value_from(crds));
  std::ostringstream held;
  if (std::ifstream in(file, std::ios::binary); in) held << in.rdbuf();
  if (held.str() == text) return;   // no write when nothing changed
  auto kept = base::make_durable_directory(directory_, kPrivateDirectory);
  if (kept) kept = base::write_durable_file(file, text, kPrivateFile);
  if (!kept) base::log_error("plugins", "cannot keep a plugin's kinds", {{"plugin", plugin}, {"reason", kept.error().message}});
}

void SavedKinds::forget(const std::string& plugin) const {
  std::error_code ignored;
  if (!directory_.empty()) fs::remove(directory_ + "/" + plugin + ".json", ignored);
}

std::map<std::string, std::vector<std::string>> SavedKinds::read() const {
  std::map<std::string, std::vector<std::string>> all;
  std::error_code failed;
  if (directory_.empty()) return all;
  for (fs::directory_iterator at(directory_, failed), end; !failed && at != end; at.increment(failed)) {
    if (at->path().extension() != ".json") continue;
    std::ifstream in(at->path(), std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    boost::system::error_code unreadable;
    const auto value = base::json_of(text.str(), unreadable);
    if (unreadable || !value.is_array()) {
      base::log_error("plugins", "cannot read a plugin's kinds", {{"file", at->path().string()}});
      continue;
    }
    for (const auto& crd : value.get_array())
      if (crd.is_string()) all[at->path().stem().string()].emplace_back(crd.get_string());
  }
  return all;
}

base::Outcome<std::vector<base::Atom>> install_declared(kinds::Registry& registry, const std::string& plugin, const std::string& crd, bool writable) {
  const auto value = kinds::parse(kinds::Media::yaml, crd, {});
  if (!value) return value.error();
  auto compiled = kinds::kinds_from_crd(*value);
  if (!compiled) return compiled.error();
  for (auto& kind : *compiled) {
    kind.declared_by = "plugin:" + plugin;
    kind.writable = writable;
    if (auto verbs = served_verbs(*value); !verbs.empty()) kind.verbs = std::move(verbs);
  }
  // All versions at once: one that a new file has no more goes with it.
  auto installed = registry.install_versions(std::move(*compiled));
  if (!installed) return installed.error();
  return installed->empty() ? std::vector<base::Atom>() : std::vector<base::Atom>{installed->front()->storage_key};
}

void restore_declared_kinds(kinds::Registry& registry, const std::string& data_dir) {
  for (const auto& [plugin, crds] : SavedKinds(data_dir).read())
    for (const auto& crd : crds)
      if (const auto installed = install_declared(registry, plugin, crd, false); !installed)
        base::log_error("plugins", "cannot restore a kind", {{"plugin", plugin}, {"error", installed.error().message}});
}

}  // namespace keelson::plugins
