// Volumes: the files of a pod's volumes on the host, and where each is mounted from.
//
// Files are laid out as <root>/pods/<uid>/volumes/kubernetes.io~<kind>/<name>, as upstream's agent does. Secrets and tokens lie on
// tmpfs. Nothing is kept in memory but the tokens: a restarted agent finds the rest on disk.
// Threads: one call per pod at a time; different pods at the same time. Errors: their text is that of a FailedMount event.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "atomic_dir.hpp"
#include "cluster.hpp"
#include "env.hpp"

namespace keelson::node {

inline constexpr std::int64_t kTokenDefaultS = 3600;
inline constexpr std::int64_t kTokenMaxS = 24 * 3600;       ///< a token older than this is replaced however long it would last
inline constexpr std::int64_t kTokenJitterS = 10;
/// For so long it is not noticed that the clock was set, and that a token's times are of the one before.
inline constexpr std::int64_t kClockLookS = 300;

struct ServiceAccountToken {
  std::string token;
  std::int64_t issued_s = 0, expires_s = 0;
  /// At 80 % of its life, and at most a day old.
  std::int64_t refresh_s() const { return std::min(issued_s + (expires_s - issued_s) * 8 / 10, issued_s + kTokenMaxS); }
  /// One from the future is of a clock that was wrong: the server does not take it.
  bool due(std::int64_t now_s) const { return now_s >= refresh_s() || now_s < issued_s; }
};

/// Tokens of one pod by audience and lifetime.
using TokenCache = std::map<std::string, ServiceAccountToken>;

struct VolumeInputs {
  const Pod& pod;
  Cluster& cluster;
  EnvSource env;
  TokenCache& tokens;
};

/// The files that a configMap, secret, projected or downwardAPI volume consists of.
Outcome<std::vector<VolumeFile>> volume_payload(const core_v1::Volume& volume, const VolumeInputs& inputs);
bool has_payload(const core_v1::Volume& volume);
/// When the first token of the cache has to be replaced; 0: none.
std::int64_t next_refresh_s(const TokenCache& tokens);
/// Names of the ConfigMaps and Secrets that the pod's volumes and variables read: what a change of one wakes.
std::vector<std::string> config_maps_of(const Pod& pod);
std::vector<std::string> secrets_of(const Pod& pod);

class Volumes {
 public:
  explicit Volumes(std::string root) : root_(std::move(root)) {}

  std::string pod_dir(const std::string& uid) const { return root_ + "/pods/" + uid; }
  /// Makes or refreshes all volumes. Answers host path by volume name.
  Outcome<std::map<std::string, std::string>> setup(const VolumeInputs& inputs);
  /// The host path of `sub_path` inside a volume, bound so that no exchange of symbolic links can lead out of it.
  Outcome<std::string> bind_sub_path(const Pod& pod, const std::string& container, std::size_t index, const std::string& volume,
                                     const std::string& volume_path, const std::string& sub_path);
  /// Unmounts and removes everything of the pod. Safe to repeat.
  Outcome<void> teardown(const std::string& uid);
  /// Pods that have a directory.
  std::vector<std::string> uids() const;

 private:
  Outcome<std::string> setup_one(const core_v1::Volume& volume, const VolumeInputs& inputs);
  std::string root_;
};

}  // namespace keelson::node
