// cri: what a container runtime needs for a pod when nothing but the runtime is asked: RunPodSandbox, CreateContainer,
// StartContainer, with what the node agent would send. Prints the times as JSON and removes what it made.
//
// usage: bench_cri --endpoint unix:///... --root DIR [--count N] [--threads N]
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <thread>

#include "configs.hpp"
#include "cri_client.hpp"
#include "runtime.pb.h"

namespace keelson::node {
namespace {

constexpr const char* kImage = "keelson.dev/demo:1";
using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point began) { return std::chrono::duration<double, std::milli>(Clock::now() - began).count(); }

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

template <class T>
T must(Outcome<T> outcome, const char* what) {
  if (!outcome) die(std::string(what) + ": " + outcome.error().message);
  return std::move(*outcome);
}

Pod pod_number(int number) {
  Pod pod;
  pod.meta.name = "bench-" + std::to_string(number);
  pod.meta.namespace_ = "default";
  pod.meta.uid = "bench-uid-" + std::to_string(number);
  pod.spec.containers.emplace_back();
  pod.spec.containers.front().name = "hello";
  pod.spec.containers.front().image = kImage;
  return pod;
}

class Runs {
 public:
  Runs(const std::string& endpoint, const std::string& root) : cri_(make_cri_client(endpoint)) {
    settings_.root = root;
    const auto image = must(cri_->image(kImage), "image");
    if (!image) die(std::string("no image ") + kImage);
    image_ = *image;
  }

  void run(int count, int threads) {
    const auto began = Clock::now();
    each(count, threads, [this](int number) { start(number); });
    const double wall_ms = ms_since(began);
    std::sort(took_ms_.begin(), took_ms_.end());
    std::printf("{\"count\":%d,\"threads\":%d,\"wall_ms\":%.1f,\"p50_ms\":%.1f,\"max_ms\":%.1f}\n", count, threads, wall_ms, took_ms_[took_ms_.size() / 2], took_ms_.back());
    each(static_cast<int>(sandboxes_.size()), threads, [this](int number) {
      (void)cri_->stop_sandbox(sandboxes_[static_cast<std::size_t>(number)]);
      (void)cri_->remove_sandbox(sandboxes_[static_cast<std::size_t>(number)]);
    });
    cri_->close();
  }

 private:
  template <class Work>
  static void each(int count, int threads, Work work) {
    std::atomic<int> next = 0;
    std::vector<std::thread> running;
    for (int i = 0; i < threads; ++i)
      running.emplace_back([&] {
        for (int number = next++; number < count; number = next++) work(number);
      });
    for (auto& thread : running) thread.join();
  }

  void start(int number) {
    const Pod pod = pod_number(number);
    ::runtime::v1::PodSandboxConfig sandbox;
    ::runtime::v1::ContainerConfig container;
    fill_sandbox_config(pod, 0, settings_, sandbox);
    const auto filled = fill_container_config({pod, pod.spec.containers.front(), 0, image_.id, image_, {}, {}, settings_}, container);
    if (!filled) die(filled.error().message);
    std::filesystem::create_directories(sandbox.log_directory() + "/hello");
    const auto began = Clock::now();
    const auto id = must(cri_->run_sandbox(sandbox, {}), "RunPodSandbox");
    const auto started = cri_->start_container(must(cri_->create_container(id, container, sandbox), "CreateContainer"));
    if (!started) die("StartContainer: " + started.error().message);
    const double took = ms_since(began);
    const std::lock_guard lock(mutex_);
    sandboxes_.push_back(id);
    took_ms_.push_back(took);
  }

  std::unique_ptr<Cri> cri_;
  NodeSettings settings_;
  ImageInfo image_;
  std::mutex mutex_;
  std::vector<std::string> sandboxes_;
  std::vector<double> took_ms_;
};

}  // namespace
}  // namespace keelson::node

int main(int count, char** words) {
  std::map<std::string, std::string> given{{"--count", "10"}, {"--threads", "1"}};
  for (int i = 1; i + 1 < count; i += 2) given[words[i]] = words[i + 1];
  if (!given.contains("--endpoint") || !given.contains("--root")) keelson::node::die("usage: bench_cri --endpoint unix:///... --root DIR [--count N] [--threads N]");
  keelson::node::Runs(given["--endpoint"], given["--root"]).run(std::atoi(given["--count"].c_str()), std::atoi(given["--threads"].c_str()));
}
