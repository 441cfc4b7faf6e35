// Plugins whose process ended without being asked to: started again after a while, and put away when they crash on and on.
#include <algorithm>

#include "core/base/log.hpp"
#include "core/plugins/crash_marker.hpp"
#include "core/plugins/host_impl.hpp"

namespace keelson::plugins {
namespace {

constexpr int kBackoffDoublings = 10;
constexpr auto kShort = "ResourcesLow";

std::int64_t backoff_ms(int failures) { return std::min(kCrashBackoffMax_ms, kCrashBackoffFirst_ms << std::clamp(failures - 1, 0, kBackoffDoublings)); }

std::string seconds(std::int64_t ms) { return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms"; }

}  // namespace

/// How often it took the server down.
int Host::core_crashes(const std::string& plugin) const {
  if (options_.data_dir.empty()) return 0;
  const auto crashes = read_crash_marker(options_.data_dir + "/plugins/crashes");
  const auto found = crashes.find(plugin);
  return found == crashes.end() ? 0 : found->second;
}

void Host::look_for_crash(Record& record) {
  const auto instance = record.instance;
  if (!instance->library().died()) return;
  stop_instance(record);   // then every call has said that it was lost
  const auto how = "its process " + instance->library().died().value_or("is gone");
  const auto now = parts_.runtime.monotonic_ns();
  record.crashes.push_back(now);
  std::erase_if(record.crashes, [&](base::Monotonic at) { return now - at > kCrashWindow_ms * base::kNanosPerMs; });
  ++record.failures;
  record.running_since = 0;
  base::log_error("plugins", "plugin crashed", {{"plugin", record.info.name}, {"what", how}});
  report(record, true, "Crashed", how);
  if (record.crashes.size() >= static_cast<std::size_t>(kCrashesMax)) return quarantine(record, std::to_string(kCrashesMax) + " crashes within a minute, the last one: " + how);
  const auto wait_ms = backoff_ms(record.failures);
  record.again_at = parts_.runtime.in_ms(wait_ms);
  set_state(record, "Failed", "Crashed", how + "; it starts again in " + seconds(wait_ms));
}

// A leak is told while its process still works: what it does next may fail, or end it, for a reason that does not say so.
void Host::look_for_shortage(Record& record) {
  if (record.info.state != "Running") return;
  const auto what = record.instance->library().shortage();
  if (what.empty() == (record.info.reason != kShort)) return;
  if (what.empty()) return set_state(record, "Running", "Running", "");
  base::log_warn("plugins", "plugin has nearly used up what it may take", {{"plugin", record.info.name}, {"what", what}});
  report(record, true, kShort, what);
  set_state(record, "Running", kShort, what);
  flush_at_ = 0;
}

void Host::quarantine(Record& record, const std::string& why) {
  if (record.instance) stop_instance(record);
  record.again_at = base::kForever;
  set_quarantined(record.info.name, true);
  set_state(record, "Quarantined", "Quarantined", why + "; set spec.quarantined to false, or replace its file, to try again");
  report(record, true, "Quarantined", why);
  base::log_error("plugins", "plugin is quarantined", {{"plugin", record.info.name}, {"why", why}});
  leave_kinds(record, false);
}

bool Host::start_is_due() const {
  const auto now = parts_.runtime.monotonic_ns();
  return std::any_of(records_.begin(), records_.end(), [now](const auto& entry) { return entry.second.again_at <= now; });
}

void Host::restart_due() {
  const auto now = parts_.runtime.monotonic_ns();
  for (auto& [key, record] : records_) {
    if (record.again_at > now) continue;
    {
      const std::lock_guard lock(mutex_);
      ++record.info.restarts;
    }
    start_record(record);
  }
}

}  // namespace keelson::plugins
