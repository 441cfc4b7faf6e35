#include "core/api/health.hpp"

#include <algorithm>
#include <list>
#include <mutex>

namespace keelson::api {
namespace {

struct Entry {
  std::string name;
  HealthChecks::Check check;
  HealthChecks::Counts counts;
};

// Shared with the handles, which may outlive the owner.
struct Table {
  std::mutex mutex;
  std::list<std::shared_ptr<Entry>> entries;
};

class Checks final : public HealthChecks {
 public:
  std::shared_ptr<void> add(std::string name, Check check, Counts counts) override {
    auto entry = std::make_shared<Entry>(Entry{std::move(name), std::move(check), counts});
    const std::lock_guard lock(table_->mutex);
    table_->entries.push_back(entry);
    return {entry.get(), [table = table_, entry](void*) {
              const std::lock_guard lock(table->mutex);
              table->entries.remove(entry);
            }};
  }

  Report run(const std::string& endpoint, const std::string& only, const std::vector<std::string>& exclude) const override {
    Report report;
    std::string unmatched;
    const auto chosen = choose(endpoint, only);
    report.known = only.empty() || !chosen.empty();
    for (const auto& entry : chosen) judge(*entry, exclude, entry->counts != Counts::told || !only.empty(), report);
    for (const auto& name : exclude)
      if (std::none_of(chosen.begin(), chosen.end(), [&](const auto& entry) { return entry->name == name; }))
        unmatched += (unmatched.empty() ? "\"" : ",\"") + name + "\"";
    if (!unmatched.empty()) report.verbose += "warn: some health checks cannot be excluded: no matches for " + unmatched + "\n";
    report.verbose += endpoint + (report.well ? " check passed\n" : " check failed\n");
    return report;
  }

 private:
  // Copied out, so that no check runs under the lock.
  std::vector<std::shared_ptr<Entry>> choose(const std::string& endpoint, const std::string& only) const {
    std::vector<std::shared_ptr<Entry>> chosen;
    const std::lock_guard lock(table_->mutex);
    for (const auto& entry : table_->entries)
      if ((only.empty() || entry->name == only) && (endpoint != "livez" || entry->counts == Counts::live)) chosen.push_back(entry);
    return chosen;
  }

  static void judge(const Entry& entry, const std::vector<std::string>& exclude, bool counts, Report& report) {
    if (std::find(exclude.begin(), exclude.end(), entry.name) != exclude.end()) {
      report.verbose += "[+]" + entry.name + " excluded: ok\n";
      return;
    }
    const auto complaint = entry.check();
    if (complaint.empty()) {
      report.verbose += "[+]" + entry.name + " ok\n";
      return;
    }
    if (!counts) {
      report.verbose += "[-]" + entry.name + " failed, does not count: " + complaint + "\n";
      return;
    }
    report.well = false;
    report.verbose += "[-]" + entry.name + " failed: " + complaint + "\n";
    report.failed += (report.failed.empty() ? "" : ",") + entry.name;
  }

  std::shared_ptr<Table> table_ = std::make_shared<Table>();
};

}  // namespace

std::unique_ptr<HealthChecks> make_health_checks() { return std::make_unique<Checks>(); }

}  // namespace keelson::api
