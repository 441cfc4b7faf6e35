#include "core/plugins/usage.hpp"

#include <link.h>
#include <pthread.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace keelson::plugins {
namespace {

constexpr std::int64_t kShortest_ns = 1'000;

std::int64_t read_clock(clockid_t clock) {
  timespec now{};
  if (::clock_gettime(clock, &now) != 0) return 0;
  return now.tv_sec * base::kNanosPerSecond + now.tv_nsec;
}

}  // namespace

std::optional<Usage> usage_of_process(pid_t pid) {
  Usage usage;
  clockid_t clock{};
  std::ifstream statm("/proc/" + std::to_string(pid) + "/statm");
  std::int64_t size = 0, resident = 0;
  if (!(statm >> size >> resident) || ::clock_getcpuclockid(pid, &clock) != 0) return std::nullopt;
  usage.cpu_ns = read_clock(clock);
  usage.memory_bytes = resident * ::sysconf(_SC_PAGESIZE);
  return usage;
}

std::size_t descriptors_of_process(pid_t pid) {
  std::error_code unseen;
  const std::filesystem::directory_iterator all("/proc/" + std::to_string(pid) + "/fd", unseen);
  return unseen ? 0 : static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::int64_t mapped_bytes(const std::string& file) {
  struct Wanted {
    const std::string& file;
    std::int64_t bytes = 0;
  } wanted{file};
  // What the loader knows: the kernel prints its list of mappings for 0.1 ms.
  ::dl_iterate_phdr([](dl_phdr_info* library, std::size_t, void* to) {
    auto& [name, bytes] = *static_cast<Wanted*>(to);
    if (!std::string_view(library->dlpi_name).ends_with(name)) return 0;
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    for (int i = 0; i < library->dlpi_phnum; ++i) {
      const auto& part = library->dlpi_phdr[i];
      if (part.p_type == PT_LOAD) bytes += static_cast<std::int64_t>((part.p_vaddr % page + part.p_memsz + page - 1) / page * page);
    }
    return 1;
  }, &wanted);
  return wanted.bytes;
}

std::unique_ptr<base::Thread> MeteredRuntime::spawn(std::string name, std::function<void()> body, std::size_t stack_bytes) {
  return inner_.spawn(std::move(name), [this, body = std::move(body)] {
    clockid_t clock{};
    const bool known = ::pthread_getcpuclockid(::pthread_self(), &clock) == 0;
    if (known) {
      const std::lock_guard lock(mutex_);
      running_.insert(clock);
    }
    body();
    if (!known) return;
    const std::lock_guard lock(mutex_);
    ended_ns_ += read_clock(clock);
    running_.erase(running_.find(clock));
  }, stack_bytes);
}

std::int64_t MeteredRuntime::cpu_ns() const {
  const std::lock_guard lock(mutex_);
  auto all = ended_ns_;
  for (const auto clock : running_) all += read_clock(clock);
  return all;
}

void Durations::add(std::int64_t ns) {
  const auto units = static_cast<std::uint64_t>(std::max(ns, kShortest_ns) / (kShortest_ns / kStepsPerDoubling));   // at least one step up
  const int doubling = std::bit_width(units) - 1;
  const int step = static_cast<int>((units >> (doubling - 2)) & (kStepsPerDoubling - 1));
  const int index = std::min((doubling - 2) * kStepsPerDoubling + step, static_cast<int>(counts_.size()) - 1);
  ++counts_[static_cast<std::size_t>(index)];
}

void Durations::add(const Durations& others) {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += others.counts_[i];
}

std::int64_t Durations::quantile_ns(double share) const {
  std::uint64_t all = 0, seen = 0;
  for (const auto count : counts_) all += count;
  if (all == 0) return 0;
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(all)));
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen < wanted) continue;
    const auto doubling = static_cast<int>(i) / kStepsPerDoubling, step = static_cast<int>(i) % kStepsPerDoubling;
    return ((kStepsPerDoubling + step + 1) * (kShortest_ns / kStepsPerDoubling)) << doubling;
  }
  return 0;
}

}  // namespace keelson::plugins
