// What a node reads: a container's log, what the network's programs left, objects as the SDK decodes them.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "cni/network.hpp"
#include "cni/pod_range.hpp"
#include "cri-shim/logs.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace keelson::fuzz;
namespace node = keelson::node;
namespace cni = keelson::cni;

std::string filtered(std::string_view bytes, std::size_t step, const node::LogOptions& options) {
  node::LogFilter filter(options);
  std::string out;
  for (std::size_t at = 0; at < bytes.size() && !filter.full(); at += step) filter.feed(bytes.substr(at, step), out);
  return out;
}

/// A directory that is gone when the process ends in order.
const std::filesystem::path& scratch() {
  static const struct Scratch {
    Scratch() {
      auto pattern = (std::filesystem::temp_directory_path() / "keelson-fuzz-XXXXXX").string();
      path = ::mkdtemp(pattern.data());
      std::filesystem::create_directories(path / "state" / cni::kNetworkName);
      std::filesystem::create_directories(path / "cache");
    }
    ~Scratch() {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
    }
    std::filesystem::path path;
  } directory;
  return directory.path;
}

}  // namespace

KEELSON_FUZZ(cri_log, bytes) {
  const auto flags = take(bytes);
  node::LogOptions options;
  options.timestamps = (flags & 1) != 0;
  if (flags & 2) options.stream = "stdout";
  if (flags & 4) options.limit_bytes = 100;
  if (flags & 8) options.since_ns = 1'714'557'600'000'000'000;
  const auto whole = filtered(bytes, std::max<std::size_t>(bytes.size(), 1), options);
  must_equal(filtered(bytes, 1, options), whole, "a log depends on how it is read");
  must(!options.limit_bytes || whole.size() <= 100, "more than the limit");
  (void)node::parse_rfc3339(bytes);
}

KEELSON_FUZZ(log_options, bytes) {
  const auto options = node::parse_log_options(std::string(bytes), "pod", 1'714'557'600'000'000'000);
  if (options) must(!options->tail_lines || *options->tail_lines >= 0, "fewer than no lines");
}

KEELSON_FUZZ(cni_result, bytes) {
  cni::Network network;
  network.state_dir = scratch() / "state";
  network.cache_dir = scratch() / "cache";
  const auto [first, rest] = two(bytes);
  std::ofstream(scratch() / "state" / cni::kNetworkName / "10.0.0.2") << rest;
  for (const auto& reservation : cni::reservations(network)) must(!reservation.container_id.empty(), "an address of nobody");
  std::ofstream(scratch() / "cache" / (std::string(cni::kNetworkName) + "-c-eth0")) << bytes;
  (void)cni::cached_namespace(network, {"10.0.0.2", "c", "eth0", 0});
  if (const auto range = cni::parse_range(std::string(first))) must(cni::parse_range(range->text()) == range, "a range changes when it is printed");
}
