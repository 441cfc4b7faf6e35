// Rotation of container logs: a file over the limit is renamed and the runtime told to open a new one; the oldest go.
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <filesystem>

#include "agent.hpp"
#include "logs.hpp"

namespace keelson::node {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> large_logs(const std::string& root) {
  std::vector<std::string> large;
  std::error_code failed;
  for (const auto& pod : fs::directory_iterator(root, failed))
    for (const auto& container : fs::directory_iterator(pod.path(), failed))
      for (const auto& file : fs::directory_iterator(container.path(), failed))
        if (file.path().extension() == ".log" && static_cast<std::int64_t>(file.file_size(failed)) >= kLogRotateBytes) large.push_back(file.path().string());
  return large;
}

std::string stamp(std::int64_t unix_ns) {
  const std::time_t seconds = unix_ns / kSecondNs;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", &utc);
  return text;
}

/// Removes the oldest rotated files of `path`, so that with the current one kLogFilesMax stay.
void remove_oldest(const std::string& path) {
  std::vector<std::string> rotated;
  std::error_code failed;
  for (const auto& file : fs::directory_iterator(fs::path(path).parent_path(), failed))
    if (file.path().string().rfind(path + ".", 0) == 0) rotated.push_back(file.path().string());
  std::sort(rotated.begin(), rotated.end());
  for (std::size_t i = 0; i + kLogFilesMax - 1 < rotated.size(); ++i) fs::remove(rotated[i], failed);
}

}  // namespace

void Agent::rotate_logs() {
  const auto large = large_logs(parts_.settings.root + "/logs");
  if (large.empty()) return;
  const auto all = parts_.cri.view({}, {});
  if (!all) return;
  for (const auto& container : all->containers) {
    if (container.state != RunState::running) continue;
    const auto path = pod_log_dir(parts_.settings, container.pod_ns, container.pod_name, container.pod_uid) + "/" + container.name + "/" +
                      std::to_string(container.attempt) + ".log";
    if (std::find(large.begin(), large.end(), path) == large.end()) continue;
    std::error_code failed;
    const std::string aside = path + "." + stamp(now());
    fs::rename(path, aside, failed);
    // A runtime that does not reopen would go on writing into the renamed file, unseen: undo.
    if (!failed && !parts_.cri.reopen_log(container.id)) fs::rename(aside, path, failed);
    remove_oldest(path);
  }
}

}  // namespace keelson::node
