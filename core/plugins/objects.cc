// Plugin objects: what each plugin is doing, and what operators want of it.
#include <boost/json.hpp>

#include <algorithm>

#include "core/base/instant.hpp"
#include "core/base/json_value.hpp"
#include "core/base/log.hpp"
#include "core/kinds/engine.hpp"
#include "core/plugins/calls.hpp"
#include "core/plugins/crash_marker.hpp"
#include "core/plugins/host_impl.hpp"
#include "core/verbs/own_context.hpp"

namespace keelson::plugins {
namespace {

namespace json = boost::json;

constexpr std::string_view kGroup = "keelson.dev", kVersion = "v1", kResource = "plugins";
/// The count of errors grows at least this much, in percent, before it alone is worth a write.
constexpr std::int64_t kErrorsGrowth_percent = 100;

verbs::Context host_context() { return verbs::own_context("plugin-host", "system:plugin-host", "plugin-host"); }

json::object condition(const char* type, bool holds, const Record& record) {
  return {{"type", type}, {"status", holds ? "True" : "False"}, {"reason", record.info.reason}, {"message", record.info.message}, {"lastTransitionTime", record.since}};
}

json::object status_of(const Record& record) {
  const auto& info = record.info;
  const bool loaded = record.instance != nullptr;
  json::object status{{"state", info.state}, {"host", info.host}, {"file", info.file}, {"message", info.message}, {"restarts", info.restarts}};
  status["version"] = info.version;
  status["abi"] = info.abi;
  status["sha256"] = info.sha256;
  status["kinds"] = json::value_from(info.kinds);
  status["conditions"] = json::array{condition("Loaded", loaded, record), condition("Ready", loaded && info.state == "Running", record)};
  return status;
}

/// Rounded, so that it is for reading.
void add_usage(json::object& status, const Statistics& counts) {
  constexpr std::int64_t kCpuStep_ns = 10 * base::kNanosPerMs, kMi = 1 << 20;
  if (counts.p99_ns != 0) status["p99"] = base::duration_text(counts.p99_ns);
  status["cpu"] = base::duration_text(counts.usage.cpu_ns / kCpuStep_ns * kCpuStep_ns);
  status["memory"] = std::to_string((counts.usage.memory_bytes + kMi - 1) / kMi) + "Mi";
}

/// spec as the object has it; empty when there is none.
json::object spec_of(const store::ObjectRef& object) {
  boost::system::error_code failed;
  if (!object) return {};
  const auto value = base::json_of(object->body(), failed);
  if (failed || !value.is_object()) return {};
  const auto* spec = value.get_object().if_contains("spec");
  return spec != nullptr && spec->is_object() ? spec->get_object() : json::object();
}

std::optional<base::LogLevel> level_of(const json::object& spec) {
  const auto* value = spec.if_contains("logLevel");
  const std::string_view text = value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
  if (text == "debug") return base::LogLevel::debug;
  if (text == "warning" || text == "warn") return base::LogLevel::warn;
  if (text == "error") return base::LogLevel::error;
  return text == "info" ? std::optional(base::LogLevel::info) : std::nullopt;
}

}  // namespace

store::ObjectRef Host::plugin_object(const std::string& name) const { return parts_.store.snapshot().get({plugin_resource(), "", name}); }

Settings Host::settings_for(const std::string& plugin) {
  Settings settings;
  if (const auto own = options_.plugin_config.find(plugin); own != options_.plugin_config.end()) settings.config = own->second;
  settings.config.insert(options_.config.begin(), options_.config.end());
  const auto spec = spec_of(plugin_object(plugin));
  if (const auto* config = spec.if_contains("config"); config != nullptr && config->is_object())
    for (const auto& entry : config->get_object())
      settings.config.insert_or_assign(std::string(entry.key()), entry.value().is_string() ? std::string(entry.value().get_string()) : json::serialize(entry.value()));
  const auto* paused = spec.if_contains("paused");
  settings.paused = paused != nullptr && paused->is_bool() && paused->get_bool();
  const auto* workers = spec.if_contains("workers");
  settings.workers = workers != nullptr && workers->is_int64() ? static_cast<int>(std::clamp<std::int64_t>(workers->get_int64(), 0, kWorkersMax)) : 0;
  settings.log_level = level_of(spec);
  if (const auto* host = spec.if_contains("host"); host != nullptr && host->is_string()) settings.host = host->get_string();
  const auto* quarantined = spec.if_contains("quarantined");
  settings.quarantined = quarantined != nullptr && quarantined->is_bool() && quarantined->get_bool();
  return settings;
}

// Takes what somebody wrote into spec. What the plugin read when it started can only change by starting it again.
void Host::apply_spec(Record& record) {
  if (!plugin_object(record.info.name)) {
    record.published.clear();   // deleted under us: made again
    record.published_at = 0;
    changed();
  }
  auto wanted = settings_for(record.info.name);
  if (record.info.state == "Quarantined" && !wanted.quarantined) {
    record.crashes.clear();
    record.failures = 0;
    if (!options_.data_dir.empty()) forget_crashes(options_.data_dir + "/plugins/crashes", record.info.name);
    return start_record(record), changed();
  }
  if (wanted.quarantined && record.info.state != "Quarantined" && !record.left) return quarantine(record, "by hand"), changed();
  if (!record.instance) return;
  if (wanted.host != record.settings.host) {
    restart(record, "its host changed");
    flush_at_ = 0;   // whoever asked for it is watching
    return;
  }
  if (wanted.config != record.settings.config) return restart(record, "its configuration changed"), changed();
  if (wanted.log_level != record.settings.log_level) record.instance->set_log_level(wanted.log_level);
  if (wanted.workers != record.settings.workers) record.instance->set_workers(wanted.workers);
  if (wanted.paused != record.settings.paused) {
    record.instance->set_paused(wanted.paused);
    set_state(record, wanted.paused ? "Paused" : "Running", wanted.paused ? "Paused" : "Running", "");
    flush_at_ = 0;
  }
  record.settings = std::move(wanted);
}

void Host::publish_all() {
  if (!parts_.registry.current()->find(kGroup, kVersion, kResource)) return;
  bool later = false;
  for (auto& [key, record] : records_) {
    later = publish(record) || later;
    later = !publish_role(record) || later;
  }
  if (later) flush_at_ = std::min(flush_at_, parts_.runtime.in_ms(kCountersAgain_ms));
}

// How it looks to readers. What is stored keeps still while only the figures move, so that an idle server writes nothing.
store::ObjectRef Host::live_object(const store::ObjectRef& object) const {
  std::shared_ptr<Instance> instance;
  bool all_well = false;   // as far as the host knows
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, record] : records_) {
      if (record.info.name != object->key().name || !record.instance) continue;
      instance = record.instance;
      all_well = record.info.message.empty();
    }
  }
  const auto kind = parts_.registry.current()->find(kGroup, kVersion, kResource);
  boost::system::error_code failed;
  auto value = base::json_of(object->body(), failed);
  if (!instance || !kind || failed) return object;
  const auto counts = instance->statistics();
  auto& status = value.as_object()["status"];
  if (!status.is_object()) status.emplace_object();
  status.get_object()["queueLength"] = counts.queue_length;
  status.get_object()["reconciles"] = counts.reconciles;
  status.get_object()["errors"] = counts.errors;
  if (all_well) status.get_object()["message"] = counts.last_error;
  add_usage(status.get_object(), counts);
  auto encoded = kinds::encode(*kind, value, store::kRevisionSlotBytes);
  return store::Draft(copy_of(object->columns()), encoded.body, encoded.revision_offset).freeze(object->revision());
}

// True: there are errors to write that have to wait.
bool Host::publish(Record& record) {
  auto status = status_of(record);
  auto text = json::serialize(status);
  const auto counts = record.instance ? record.instance->statistics() : Statistics();
  const auto errors = static_cast<std::int64_t>(counts.errors);
  const bool same_state = text == record.published;
  const bool grown = errors > record.published_errors + record.published_errors * kErrorsGrowth_percent / 100;
  if (same_state && !grown) return false;
  if (same_state && record.published_at != 0 && parts_.runtime.monotonic_ns() < record.published_at + kCountersAgain_ms * base::kNanosPerMs) return true;
  status["errors"] = errors;
  if (record.info.message.empty() && !counts.last_error.empty()) status["message"] = counts.last_error;
  const verbs::Target target{parts_.registry.current()->find(kGroup, kVersion, kResource), "", record.info.name, ""};
  using Outcome = base::Outcome<verbs::Written>;
  make_object(record.info.name);
  auto into = target;
  into.subresource = "status";
  const auto written = await<Outcome>(parts_.runtime, [&](auto done) {
    parts_.verbs.patch(host_context(), into, kinds::PatchType::merge, {kinds::Media::json, json::serialize(json::object{{"status", status}})}, {}, std::move(done));
  });
  if (!written) base::log_warn("plugins", "cannot write a Plugin's status", {{"plugin", record.info.name}, {"error", written.error().message}});
  record.published = std::move(text);
  record.published_errors = errors;
  record.published_at = parts_.runtime.monotonic_ns();
  return false;
}

void Host::make_object(const std::string& name) {
  if (plugin_object(name)) return;
  const verbs::Target target{parts_.registry.current()->find(kGroup, kVersion, kResource), "", "", ""};
  const json::object object{{"apiVersion", "keelson.dev/v1"}, {"kind", "Plugin"}, {"metadata", json::object{{"name", name}}}};
  using Outcome = base::Outcome<verbs::Written>;
  const auto made = await<Outcome>(parts_.runtime, [&](auto done) { parts_.verbs.create(host_context(), target, {kinds::Media::json, json::serialize(object)}, {}, std::move(done)); });
  if (!made && made.error().code != 409) base::log_warn("plugins", "cannot make a Plugin object", {{"plugin", name}, {"error", made.error().message}});
}

// Kept in the object, so that it outlives the server and is lifted by whoever may edit it.
void Host::set_quarantined(const std::string& plugin, bool quarantined) {
  const verbs::Target target{parts_.registry.current()->find(kGroup, kVersion, kResource), "", plugin, ""};
  if (!target.kind) return;
  if (quarantined) make_object(plugin);
  if (!plugin_object(plugin) || settings_for(plugin).quarantined == quarantined) return;
  const auto patch = json::serialize(json::object{{"spec", json::object{{"quarantined", quarantined}}}});
  const auto written = await<base::Outcome<verbs::Written>>(parts_.runtime, [&](auto done) {
    parts_.verbs.patch(host_context(), target, kinds::PatchType::merge, {kinds::Media::json, patch}, {}, std::move(done));
  });
  if (!written) base::log_warn("plugins", "cannot write a quarantine", {{"plugin", plugin}, {"error", written.error().message}});
}

// The object first: who describes it finds its events by its uid.
void Host::report(const Record& record, bool warning, const std::string& reason, const std::string& note) {
  if (!parts_.registry.current()->find(kGroup, kVersion, kResource)) return;
  make_object(record.info.name);
  events_.record(note_about_plugin(parts_.store.snapshot(), record.info.name, warning, reason, note));
}

void Host::delete_object(const std::string& name) {
  if (!plugin_object(name)) return;
  const verbs::Target target{parts_.registry.current()->find(kGroup, kVersion, kResource), "", name, ""};
  if (!target.kind) return;
  await<base::Outcome<verbs::Written>>(parts_.runtime, [&](auto done) { parts_.verbs.remove(host_context(), target, {}, std::move(done)); });
}

// One inbox for Plugin objects and for the objects of kinds left behind; made anew when the latter change.
void Host::listen() {
  auto inbox = std::make_shared<Inbox>(waiter_);
  inbox->want(plugin_resource());
  for (const auto& [key, record] : records_)
    if (record.left)
      for (const auto kind : record.kinds) inbox->want(kind);
  feed_.add(inbox);
  if (inbox_) feed_.remove(*inbox_);
  inbox_ = std::move(inbox);
}

}  // namespace keelson::plugins
