#include "core/webhook/client.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "core/base/json_text.hpp"
#include "core/webhook/wire.hpp"

namespace keelson::webhook {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;
using tcp = asio::ip::tcp;
using Done = std::function<void(base::Outcome<Answer>)>;

constexpr std::size_t kThreadStackBytes = 1024 * 1024;

/// One call: answered by whoever comes first, the webhook or the timer.
struct Flight {
  Flight(asio::io_context& context, Call call, Done done) : call(std::move(call)), done(std::move(done)), timer(context) {}
  Call call;
  Done done;
  asio::steady_timer timer;
  WirePtr wire;          // what to close when time is over
  bool answered = false;
};
using FlightPtr = std::shared_ptr<Flight>;

/// What is kept for one place that is called.
struct Peer {
  explicit Peer(asio::ssl::context tls) : tls(std::move(tls)) {}
  asio::ssl::context tls;
  std::deque<WirePtr> idle;           // newest last
  std::deque<FlightPtr> waiting;
  int active = 0;
  base::Monotonic used = 0;
  int failures = 0;                   // in a row
  std::int64_t open_ms = 0;           // 0: closed
  base::Monotonic open_until = 0;
  bool trying = false;                // one call finds out whether it is back
  std::string why;                    // of the last failure
  std::string authority;
  std::vector<CallerRef> callers;     // since the circuit was closed last
};
using PeerPtr = std::shared_ptr<Peer>;

base::Error failed(const Endpoint& endpoint, std::string_view why) {
  return base::raw_500("Post " + base::quoted("https://" + endpoint.authority + endpoint.path) + ": " + std::string(why));
}

void remember(Peer& peer, const CallerRef& caller) {
  if (!caller || peer.callers.size() == kCallersKnownMax) return;
  const auto same = [&](const CallerRef& known) { return known == caller || *known == *caller; };
  if (std::none_of(peer.callers.begin(), peer.callers.end(), same)) peer.callers.push_back(caller);
}

class TlsClient final : public Client {
 public:
  TlsClient(base::Runtime& runtime, base::Metrics& metrics)
      : runtime_(runtime), opened_(metrics.counter("keelson_webhook_circuit_opened_total", "Times that a failing webhook endpoint was given a pause.")),
        open_(metrics.gauge("keelson_webhook_circuits_open", "Webhook endpoints that are given a pause at present.")) {
    thread_ = runtime_.spawn("webhooks", [this] { context_.run(); }, kThreadStackBytes);
  }
  ~TlsClient() override { stop(); }

  void post(Call call, Done done) override;
  void on_circuit(std::function<void(const CircuitChange&)> changed) override;
  void stop() override;

 private:
  void take_inbox();
  void begin(FlightPtr flight);
  base::Outcome<PeerPtr> peer_of(const Endpoint& endpoint);
  void forget_oldest();
  bool paused(Peer& peer) const;
  void pump(const PeerPtr& peer);
  void fly(const PeerPtr& peer, FlightPtr flight);
  void answer(Flight& flight, base::Outcome<Answer> outcome);
  void landed(const PeerPtr& peer, const FlightPtr& flight, base::Outcome<Answer> outcome);
  void succeeded(Peer& peer);
  void missed(Peer& peer, std::string why);
  void closed(Peer& peer);
  void tell(const Peer& peer);
  void end_all();
  WirePtr take_idle(Peer& peer) const;
  awaitable<void> run(PeerPtr peer, FlightPtr flight);
  awaitable<Answer> exchange(PeerPtr peer, FlightPtr flight);
  awaitable<std::optional<Answer>> exchange_on(Wire& wire, const Call& call, bool kept, bool& keep_alive);

  base::Runtime& runtime_;
  base::Counter& opened_;
  base::Gauge& open_;
  asio::io_context context_{1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_{context_.get_executor()};
  std::mutex mutex_;                  // guards the next two
  bool stopped_ = false;
  std::vector<FlightPtr> inbox_;
  // The client's thread:
  bool stopping_ = false;
  std::function<void(const CircuitChange&)> circuit_changed_;
  std::map<std::string, PeerPtr> peers_;
  std::set<FlightPtr> flights_;
  std::unique_ptr<base::Thread> thread_;
};

void TlsClient::post(Call call, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_) {
      inbox_.push_back(std::make_shared<Flight>(context_, std::move(call), std::move(done)));
      if (inbox_.size() == 1) asio::post(context_, [this] { take_inbox(); });
      return;
    }
  }
  done(failed(call.endpoint, "the server is stopping"));
}

void TlsClient::take_inbox() {
  std::vector<FlightPtr> fresh;
  {
    const std::lock_guard lock(mutex_);
    fresh.swap(inbox_);
  }
  for (auto& flight : fresh) begin(std::move(flight));
}

void TlsClient::begin(FlightPtr flight) {
  flights_.insert(flight);
  const auto& endpoint = flight->call.endpoint;
  if (stopping_) return answer(*flight, failed(endpoint, "the server is stopping"));
  auto peer = peer_of(endpoint);
  if (!peer) return answer(*flight, peer.error());
  remember(**peer, flight->call.caller);
  if (paused(**peer)) {
    auto error = failed(endpoint, (*peer)->why + " (not asked again yet after " + std::to_string((*peer)->failures) + " failures)");
    error.reason = kPaused;
    return answer(*flight, std::move(error));
  }
  if ((*peer)->waiting.size() >= kWaitingPerEndpointMax) return answer(*flight, failed(endpoint, "too many calls wait for it"));
  (*peer)->trying = (*peer)->open_ms > 0;
  flight->timer.expires_after(std::chrono::nanoseconds(std::max<std::int64_t>(0, flight->call.deadline - runtime_.monotonic_ns())));
  flight->timer.async_wait([this, flight, peer = *peer](const boost::system::error_code& cancelled) {
    if (cancelled || flight->answered) return;
    missed(*peer, std::string(kTimedOut));
    answer(*flight, failed(flight->call.endpoint, kTimedOut));
    if (flight->wire) flight->wire->tcp_layer().close();
  });
  (*peer)->waiting.push_back(std::move(flight));
  pump(*peer);
}

base::Outcome<PeerPtr> TlsClient::peer_of(const Endpoint& endpoint) {
  const auto key = endpoint.host + "\n" + endpoint.port + "\n" + endpoint.server_name + "\n" + endpoint.ca_pem;
  auto& peer = peers_[key];
  if (!peer) {
    auto tls = tls_for(endpoint.ca_pem, true, nullptr);
    if (!tls) return peers_.erase(key), tls.error();
    peer = std::make_shared<Peer>(std::move(*tls));
    peer->authority = endpoint.authority;
  }
  peer->used = runtime_.monotonic_ns();
  auto out = peer;
  if (peers_.size() > kEndpointsMax) forget_oldest();
  return out;
}

void TlsClient::forget_oldest() {
  auto oldest = peers_.end();
  for (auto at = peers_.begin(); at != peers_.end(); ++at)
    if (at->second->active == 0 && at->second->waiting.empty() && (oldest == peers_.end() || at->second->used < oldest->second->used)) oldest = at;
  if (oldest == peers_.end()) return;
  if (oldest->second->open_ms > 0) closed(*oldest->second);
  peers_.erase(oldest);
}

bool TlsClient::paused(Peer& peer) const { return peer.open_ms > 0 && (peer.trying || runtime_.monotonic_ns() < peer.open_until); }

void TlsClient::pump(const PeerPtr& peer) {
  while (!peer->waiting.empty() && peer->active < kConnectionsPerEndpointMax) {
    auto next = std::move(peer->waiting.front());
    peer->waiting.pop_front();
    if (!next->answered) fly(peer, std::move(next));
  }
}

void TlsClient::fly(const PeerPtr& peer, FlightPtr flight) {
  ++peer->active;
  asio::co_spawn(context_, run(peer, std::move(flight)), asio::detached);
}

void TlsClient::answer(Flight& flight, base::Outcome<Answer> outcome) {
  if (std::exchange(flight.answered, true)) return;
  flight.timer.cancel();
  const auto done = std::exchange(flight.done, nullptr);
  done(std::move(outcome));
  for (auto at = flights_.begin(); at != flights_.end(); ++at)
    if (at->get() == &flight) {
      flights_.erase(at);
      break;
    }
}

void TlsClient::landed(const PeerPtr& peer, const FlightPtr& flight, base::Outcome<Answer> outcome) {
  --peer->active;
  flight->wire.reset();
  // After the timer has spoken the end of the connection is our own doing.
  if (!flight->answered) outcome ? succeeded(*peer) : missed(*peer, outcome.error().message);
  if (!outcome) outcome = failed(flight->call.endpoint, outcome.error().message);
  answer(*flight, std::move(outcome));
  pump(peer);
}

void TlsClient::succeeded(Peer& peer) {
  peer.failures = 0;
  peer.trying = false;
  if (peer.open_ms > 0) closed(peer);
}

void TlsClient::closed(Peer& peer) {
  peer.open_ms = 0;
  open_.add(-1);
  tell(peer);
  peer.callers.clear();
}

void TlsClient::tell(const Peer& peer) {
  if (circuit_changed_) circuit_changed_({peer.open_ms > 0, peer.authority, peer.why, peer.failures, peer.callers});
}

void TlsClient::on_circuit(std::function<void(const CircuitChange&)> changed) {
  asio::post(context_, [this, changed = std::move(changed)] { circuit_changed_ = changed; });
}

void TlsClient::missed(Peer& peer, std::string why) {
  peer.why = std::move(why);
  if (++peer.failures < kFailuresToOpen || stopping_) return;
  if (peer.open_ms > 0 && !peer.trying) return;   // others that were under way when it opened
  const bool opens = peer.open_ms == 0;
  peer.open_ms = opens ? kOpenMin_ms : std::min(peer.open_ms * 2, kOpenMax_ms);
  peer.open_until = runtime_.in_ms(peer.open_ms);
  peer.trying = false;
  if (!opens) return;
  open_.add(1), opened_.add();
  tell(peer);
}

void TlsClient::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopped_, true)) return;
  }
  asio::post(context_, [this] { end_all(); });
  thread_.reset();
}

void TlsClient::end_all() {
  stopping_ = true;
  take_inbox();
  const auto flights = flights_;
  for (const auto& flight : flights) {
    if (flight->wire) flight->wire->tcp_layer().close();
    answer(*flight, failed(flight->call.endpoint, "the server is stopping"));
  }
  for (auto& [key, peer] : peers_) peer->idle.clear(), peer->waiting.clear();
  work_.reset();
}

// --- one call ------------------------------------------------------------------------------------------------------

WirePtr TlsClient::take_idle(Peer& peer) const {
  const auto oldest = runtime_.monotonic_ns() - kKeptAlive_ms * base::kNanosPerMs;
  while (!peer.idle.empty() && peer.idle.front()->used < oldest) peer.idle.pop_front();
  if (peer.idle.empty()) return nullptr;
  auto wire = std::move(peer.idle.back());
  peer.idle.pop_back();
  return wire;
}

awaitable<void> TlsClient::run(PeerPtr peer, FlightPtr flight) {
  base::Outcome<Answer> outcome = base::raw_500("unknown");
  try {
    outcome = co_await exchange(peer, flight);
  } catch (const Broken& broken) {
    outcome = base::raw_500(broken.why);
  } catch (const std::exception& error) {
    outcome = base::raw_500(error.what());
  }
  landed(peer, flight, std::move(outcome));
}

awaitable<Answer> TlsClient::exchange(PeerPtr peer, FlightPtr flight) {
  for (;;) {
    flight->wire = take_idle(*peer);
    const bool kept = flight->wire != nullptr;
    if (!kept) {
      flight->wire = std::make_shared<Wire>(context_, peer->tls);
      co_await connect(context_, *flight->wire, flight->call.endpoint, true);
    }
    bool keep_alive = false;
    auto found = co_await exchange_on(*flight->wire, flight->call, kept, keep_alive);
    if (!found) continue;   // the webhook had closed it meanwhile
    if (keep_alive && !stopping_) {
      flight->wire->used = runtime_.monotonic_ns();
      peer->idle.push_back(flight->wire);
    }
    co_return std::move(*found);
  }
}

awaitable<std::optional<Answer>> TlsClient::exchange_on(Wire& wire, const Call& call, bool kept, bool& keep_alive) {
  http::request<http::string_body> message(http::verb::post, call.endpoint.path, 11);
  message.set(http::field::host, call.endpoint.authority);
  message.set(http::field::user_agent, "kube-apiserver-admission");
  message.set(http::field::accept, "application/json, */*");
  message.set(http::field::content_type, "application/json");
  message.body() = call.body;
  message.prepare_payload();
  boost::system::error_code code;
  co_await http::async_write(wire.stream, message, redirect_error(use_awaitable, code));
  http::response_parser<http::string_body> parser;
  parser.body_limit(kAnswerBytesMax);
  if (!code) co_await http::async_read(wire.stream, wire.buffer, parser, redirect_error(use_awaitable, code));
  if (code && kept && !parser.got_some() && wire.tcp_layer().socket().is_open()) co_return std::nullopt;
  if (code) throw Broken{words(code)};
  keep_alive = parser.keep_alive();
  Answer answer{static_cast<int>(parser.get().result_int()), std::move(parser.get().body())};
  co_return answer;
}

}  // namespace

std::unique_ptr<Client> make_client(base::Runtime& runtime, base::Metrics& metrics) { return std::make_unique<TlsClient>(runtime, metrics); }

std::string status_text(int status) {
  switch (status) {
    case 400: return "the server rejected our request for an unknown reason";
    case 401: return "the server has asked for the client to provide credentials";
    case 403: return "unknown";
    case 404: return "the server could not find the requested resource";
    case 405: return "the server does not allow this method on the requested resource";
    case 409: return "the server reported a conflict";
    case 410: return "the server responded with the status code 410 but did not return more information";
    case 422: return "the server rejected our request due to an error in our request";
    case 429: return "the server has received too many requests and has asked us to try again later";
    case 503: return "the server is currently unable to handle the request";
    case 504: return "the server was unable to return a response in the time allotted, but may still be processing the request";
    default: break;
  }
  if (status >= 500) return "an error on the server (\"\") has prevented the request from succeeding";
  return "the server responded with the status code " + std::to_string(status) + " but did not return more information";
}

}  // namespace keelson::webhook
