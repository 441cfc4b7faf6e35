// Election: one of several processes leads, by a Lease that it renews, as Kubernetes' own controllers do it.
//
// Invariants: who was told that it leads is told that it does so no longer at the latest kRenewDeadline_ms after its last
//   renewal, while others wait for kLeaseDuration_ms by their own clock: never two at once, whatever the clocks say. Who could not be
//   told, because its process stood still, asks leads() before it writes.
// Threads: win() waits; `lost` runs once, on the election's thread. Ownership: the client outlives it.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "core/remote/client.hpp"

namespace keelson::remote {

inline constexpr std::int64_t kLeaseDuration_ms = 15'000;
inline constexpr std::int64_t kRenewDeadline_ms = 10'000;
inline constexpr std::int64_t kElectionRetry_ms = 2'000;

struct Candidate {
  std::string ns, lease, identity;
};

class Election {
 public:
  Election(Client& client, base::Runtime& runtime, Candidate candidate);
  ~Election();
  /// Waits until this process leads (true) or stop() was called. Then renews until stop().
  bool win(std::function<void()> lost);
  /// False from kRenewDeadline_ms after the last renewal on, also before `lost` runs.
  bool leads() const { return runtime_.monotonic_ns() < leads_until_.load(); }
  /// Ends it and gives the lease back, so that the next one need not wait.
  void stop();

 private:
  struct Seen {
    std::string record;              // holder and renew time, as last read
    base::Monotonic since = 0;       // when it changed
  };
  /// `other`: who holds it is somebody else.
  bool try_once(bool& other);
  bool write(const std::string& old_body, bool release);
  void renew(const std::function<void()>& lost);

  Client& client_;
  base::Runtime& runtime_;
  const Candidate candidate_;
  const std::string path_;
  std::unique_ptr<base::Waiter> waiter_;
  std::atomic<bool> stopping_{false}, leads_{false};
  std::atomic<base::Monotonic> leads_until_{0};
  Seen seen_;                        // one thread at a time
  std::string mine_;                 // the Lease as last written; same
  std::unique_ptr<base::Thread> thread_;
};

}  // namespace keelson::remote
