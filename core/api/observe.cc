#include "core/api/observe.hpp"

#include "core/api/request_info.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

namespace keelson::api {
namespace {

const std::vector<double>& duration_bounds() {
  static const std::vector<double> bounds = {0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60};
  return bounds;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Fields of /proc/self/statm, in pages: total and resident.
std::pair<double, double> memory_bytes() {
  long total = 0, resident = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%ld %ld", &total, &resident) != 2) total = resident = 0;
    std::fclose(file);
  }
  const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  return {static_cast<double>(total) * page, static_cast<double>(resident) * page};
}

double open_descriptors() {
  std::error_code ignored;
  double count = 0;
  for (auto at = std::filesystem::directory_iterator("/proc/self/fd", ignored); at != std::filesystem::directory_iterator(); at.increment(ignored)) ++count;
  return count > 0 ? count - 1 : 0;   // the one that reads the folder
}

}  // namespace

std::string_view info_verb(const RequestInfo& info, std::string_view method) {
  static constexpr std::pair<std::string_view, std::string_view> names[] = {{"get", "GET"},       {"list", "LIST"},   {"watch", "WATCH"},   {"create", "POST"},
                                                                            {"update", "PUT"},    {"patch", "PATCH"}, {"delete", "DELETE"}, {"deletecollection", "DELETECOLLECTION"}};
  if (info.resource_request)
    for (const auto& [verb, label] : names)
      if (info.verb == verb) return label;
  static constexpr std::string_view methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
  for (const auto known : methods)
    if (method == known) return known;
  return "other";
}

Observer::Observer(base::Runtime& runtime, base::Metrics& metrics) : runtime_(runtime), metrics_(metrics) {
  in_flight_metric_ = metrics.on_scrape("apiserver_current_inflight_requests", "Requests under way which are no streams.", "gauge", [this](const auto& emit) {
    emit({{"request_kind", "mutating"}}, writing_.load());
    emit({{"request_kind", "readOnly"}}, reading_.load());
  });
  streams_metric_ = metrics.on_scrape("apiserver_longrunning_requests", "Watches, logs, exec sessions and other streams under way.", "gauge",
                                      [this](const auto& emit) { emit({{"component", "apiserver"}}, streams_.load()); });
}

void Observer::began(const Observation& request) { ++(request.long_running ? streams_ : request.mutating ? writing_ : reading_); }

void Observer::became_stream(const Observation& request) {
  --(request.mutating ? writing_ : reading_);
  ++streams_;
}

void Observer::ended(const Observation& request, int status) {
  --(request.long_running ? streams_ : request.mutating ? writing_ : reading_);
  auto& handle = handles(request, status);
  handle.count->add();
  if (request.long_running) return;
  handle.duration->observe(static_cast<double>(runtime_.monotonic_ns() - request.began) / 1e9);
}

base::Counter& Observer::watch_events(const std::string& group, const std::string& version, const std::string& resource) {
  return metrics_.counter("apiserver_watch_events_total", "Events sent to watchers.", {{"group", group}, {"version", version}, {"resource", resource}});
}

Observer::Handles& Observer::handles(const Observation& request, int status) {
  std::string key;
  key.reserve(96);
  for (const auto* part : {&request.verb, &request.group, &request.version, &request.resource, &request.subresource, &request.scope}) key.append(*part) += '|';
  key += std::to_string(status);
  if (request.dry_run) key += 'd';
  const std::lock_guard lock(mutex_);
  const auto found = handles_.find(key);
  if (found != handles_.end()) return found->second;
  base::Labels labels{{"component", "apiserver"}};
  for (const auto& [name, value] : {std::pair("verb", request.verb), std::pair("group", request.group), std::pair("version", request.version), std::pair("resource", request.resource),
                                    std::pair("subresource", request.subresource), std::pair("scope", request.scope)})
    labels.emplace(name, value);
  auto& duration = metrics_.histogram("apiserver_request_duration_seconds", "Time from the whole request read to the last byte sent, without streams.", duration_bounds(), labels);
  labels["code"] = std::to_string(status);
  labels["dry_run"] = request.dry_run ? "All" : "";
  auto& count = metrics_.counter("apiserver_request_total", "Requests answered.", labels);
  return handles_.emplace(std::move(key), Handles{&count, &duration}).first->second;
}

std::vector<std::shared_ptr<void>> add_process_metrics(base::Runtime& runtime, base::Metrics& metrics) {
  std::vector<std::shared_ptr<void>> kept;
  const auto add = [&](const char* name, const char* help, const char* type, std::function<double()> read) {
    kept.push_back(metrics.on_scrape(name, help, type, [read = std::move(read)](const auto& emit) { emit({}, read()); }));
  };
  const auto started = static_cast<double>(runtime.unix_ns()) / 1e9;
  add("process_cpu_seconds_total", "User and system processor time.", "counter", cpu_seconds);
  add("process_resident_memory_bytes", "Resident memory.", "gauge", [] { return memory_bytes().second; });
  add("process_virtual_memory_bytes", "Virtual memory.", "gauge", [] { return memory_bytes().first; });
  add("process_open_fds", "Open file descriptors.", "gauge", open_descriptors);
  add("process_start_time_seconds", "Start of the process, Unix time.", "gauge", [started] { return started; });
  return kept;
}

}  // namespace keelson::api
