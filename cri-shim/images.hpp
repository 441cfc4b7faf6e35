// Images: names, pull policy, and who pulls what: one pull per image at a time for all pods, with back-off per pod and image.
//
// Threads: ImagePuller from any thread; completions run `changed` outside its lock. Times are unix nanoseconds, given by the
//   caller.
#pragma once
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "backoff.hpp"
#include "cluster.hpp"
#include "cri.hpp"

namespace keelson::node {

/// "nginx" -> "docker.io/library/nginx:latest"; the form that the runtime resolves. Empty when it is no image name.
std::string normalized_image(const std::string& image);
/// Always, IfNotPresent or Never, the default following the tag.
std::string pull_policy(const Container& container);
/// Credentials for `image` out of the pull secrets of a pod (kubernetes.io/dockerconfigjson and dockercfg).
Credentials pull_credentials(const std::string& image, const std::vector<std::shared_ptr<const core_v1::Secret>>& secrets);

struct ImageState {
  enum class What { present, pulling, failed, backing_off, never, invalid, inspect_failed } what;
  ImageInfo image;                   ///< when present
  std::string error;                 ///< of the last attempt
  std::int64_t retry_ns = 0;         ///< backing_off: when the next attempt is due
  std::int64_t took_ns = 0;          ///< present after a pull of this call's making: how long it took; 0 otherwise
  bool started = false;              ///< this call began the pull
};

class ImagePuller {
 public:
  /// `changed(pod key)`: a pull that this pod waits for has ended.
  ImagePuller(Cri& cri, std::function<void(const Key&)> changed, std::function<std::int64_t()> now) : cri_(cri), changed_(std::move(changed)), now_(std::move(now)) {}
  /// Says what to do now about the image, starting a pull when it is due. `uid` and the image are the back-off's key.
  ImageState ensure(const Key& pod, const std::string& uid, const std::string& image, const std::string& policy, const Credentials& credentials);
  void forget(const std::string& uid);

 private:
  struct Pull {
    bool running = false, ended = false;
    std::int64_t begun_ns = 0, ended_ns = 0;
    std::string error;
    std::set<Key> waiting;
  };
  void finished(const std::string& image, const Error* error);
  ImageState outcome_of(const std::string& backoff_key, Pull& pull);

  Cri& cri_;
  std::function<void(const Key&)> changed_;
  std::function<std::int64_t()> now_;
  std::mutex mutex_;
  std::map<std::string, Pull> pulls_;          ///< by pod uid and image
  Backoff backoff_;
};

}  // namespace keelson::node
