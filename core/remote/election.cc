#include "core/remote/election.hpp"

#include <boost/json.hpp>

#include "core/auth/json_access.hpp"
#include "core/base/json_value.hpp"
#include "core/base/log.hpp"
#include "core/remote/definitions.hpp"
#include "core/remote/informers.hpp"

namespace keelson::remote {

namespace json = boost::json;

namespace {

constexpr const char* kLeases = "/apis/coordination.k8s.io/v1/namespaces/";
constexpr int kMsPerSecond = 1000;

}  // namespace

Election::Election(Client& client, base::Runtime& runtime, Candidate candidate)
    : client_(client), runtime_(runtime), candidate_(std::move(candidate)), path_(kLeases + escaped(candidate_.ns) + "/leases"), waiter_(runtime.waiter()) {}

Election::~Election() { stop(); }

bool Election::win(std::function<void()> lost) {
  bool told = false;
  bool other = false;
  while (!stopping_.load()) {
    const auto began = runtime_.monotonic_ns();
    if (try_once(other)) {
      leads_until_.store(began + kRenewDeadline_ms * base::kNanosPerMs);
      leads_.store(true);
      base::log_info("remote", "leading", {{"lease", candidate_.ns + "/" + candidate_.lease}, {"identity", candidate_.identity}});
      thread_ = runtime_.spawn("election", [this, lost = std::move(lost)] { renew(lost); });
      return true;
    }
    if (!std::exchange(told, true)) base::log_info("remote", "waiting to lead", {{"lease", candidate_.ns + "/" + candidate_.lease}});
    const auto jitter = static_cast<std::int64_t>(runtime_.random_u64() % static_cast<std::uint64_t>(kElectionRetry_ms));
    waiter_->wait_until(runtime_.in_ms(kElectionRetry_ms + jitter / 5));
  }
  return false;
}

// Reads who holds it; takes it when it is free, ours, or was not renewed for as long as it says.
bool Election::try_once(bool& other) {
  other = false;
  const auto read = ask(client_, runtime_, {"GET", path_ + "/" + escaped(candidate_.lease)});
  if (!read && read.error().code != 404) {
    base::log_warn("remote", "the lease cannot be read", {{"why", read.error().message}});
    return false;
  }
  if (!read) return write({}, false);
  boost::system::error_code failed;
  const auto lease = base::json_of(*read, failed);
  const std::string holder(auth::text_at(lease, {"spec", "holderIdentity"}));
  const auto record = holder + "\n" + std::string(auth::text_at(lease, {"spec", "renewTime"}));
  const auto now = runtime_.monotonic_ns();
  if (record != seen_.record) seen_ = {record, now};
  const auto lasts_ms = auth::integer_at(lease, {"spec", "leaseDurationSeconds"}, kLeaseDuration_ms / kMsPerSecond) * kMsPerSecond;
  const bool expired = now > seen_.since + lasts_ms * base::kNanosPerMs;
  other = !holder.empty() && holder != candidate_.identity && !expired;
  return !other && write(*read, false);
}

bool Election::write(const std::string& old_body, bool release) {
  boost::system::error_code failed;
  json::value lease = old_body.empty() ? json::value(json::object{{"apiVersion", "coordination.k8s.io/v1"}, {"kind", "Lease"},
                                             {"metadata", json::object{{"name", candidate_.lease}, {"namespace", candidate_.ns}}}})
                                       : base::json_of(old_body, failed);
  const auto now = base::rfc3339_micro(runtime_.unix_ns() / 1000);
  const bool taken = auth::text_at(lease, {"spec", "holderIdentity"}) != candidate_.identity;
  auto& spec = auth::object_at(lease, {"spec"});
  const auto transitions = auth::integer_at(lease, {"spec", "leaseTransitions"});
  spec["holderIdentity"] = release ? std::string() : candidate_.identity;
  spec["leaseDurationSeconds"] = release ? 1 : kLeaseDuration_ms / kMsPerSecond;
  spec["renewTime"] = now;
  if (taken) {
    spec["acquireTime"] = now;
    spec["leaseTransitions"] = old_body.empty() ? 0 : transitions + 1;
  }
  Request request{old_body.empty() ? "POST" : "PUT", path_ + (old_body.empty() ? std::string() : "/" + escaped(candidate_.lease)), "application/json", json::serialize(lease)};
  request.deadline_ms = kRenewDeadline_ms / 2;
  auto written = ask(client_, runtime_, std::move(request));
  if (!written) {
    if (written.error().code != 409) base::log_warn("remote", "the lease cannot be written", {{"why", written.error().message}});
    return false;
  }
  mine_ = std::move(*written);
  return true;
}

// Whoever finds the lease in other hands leads no longer, at once; who cannot find out, when its time is over.
void Election::renew(const std::function<void()>& lost) {
  for (bool other = false; !stopping_.load() && !other;) {
    waiter_->wait_until(runtime_.in_ms(kElectionRetry_ms));
    if (stopping_.load()) return;
    const auto began = runtime_.monotonic_ns();
    if (write(mine_, false) || try_once(other)) leads_until_.store(began + kRenewDeadline_ms * base::kNanosPerMs);
    else if (runtime_.monotonic_ns() > leads_until_.load() - kElectionRetry_ms * base::kNanosPerMs) break;
  }
  if (stopping_.load()) return;
  leads_until_.store(0);
  leads_.store(false);
  base::log_error("remote", "leads no longer", {{"lease", candidate_.ns + "/" + candidate_.lease}});
  lost();
}

void Election::stop() {
  if (stopping_.exchange(true)) return;
  waiter_->notify();
  thread_.reset();
  if (leads_.load()) write(mine_, true);
}

}  // namespace keelson::remote
