#include "core/webhook/outgoing.hpp"

#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <deque>
#include <map>
#include <mutex>
#include <set>

#include "core/webhook/wire.hpp"

namespace keelson::webhook {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;

constexpr std::size_t kThreadStackBytes = 1024 * 1024;
constexpr std::size_t kPieceBytes = 16u << 10;
constexpr int kFirstRealStatus = 200, kSwitching = 101;

/// What is kept for one server.
struct Place {
  explicit Place(asio::ssl::context tls) : tls(std::move(tls)) {}
  asio::ssl::context tls;
  std::deque<WirePtr> idle;   // newest last
  int active = 0;
  base::Monotonic used = 0;
};
using PlacePtr = std::shared_ptr<Place>;

/// One request. Its thread is the client's.
struct Journey {
  Journey(asio::io_context& context, Outbound outbound, std::shared_ptr<Receiver> receiver)
      : outbound(std::move(outbound)), receiver(std::move(receiver)), timer(context), room(context) {}
  Outbound outbound;
  std::shared_ptr<Receiver> receiver;
  asio::steady_timer timer, room;
  WirePtr wire;
  bool ended = false, resumed = false;
};
using JourneyPtr = std::shared_ptr<Journey>;

// A server that has closed, or says something unasked, is no good for the next request.
bool still_good(Wire& wire) {
  char byte;
  const auto got = ::recv(wire.tcp_layer().socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) && wire.buffer.size() == 0;
}

std::string place_key(const Outbound& outbound) {
  const auto& endpoint = outbound.endpoint;
  return endpoint.host + "\n" + endpoint.port + "\n" + endpoint.server_name + "\n" + (outbound.plain ? "2" : outbound.verify ? "1" : "0") + "\n" + endpoint.ca_pem + "\n" +
         (outbound.certificate ? outbound.certificate->certificate_pem : "");
}

http::request<http::string_body> message_of(const Outbound& outbound) {
  http::request<http::string_body> message;
  message.method_string(outbound.method);
  message.target(outbound.endpoint.path);
  message.version(11);
  message.set(http::field::host, outbound.endpoint.authority);
  for (const auto& [name, value] : outbound.headers) message.insert(name, value);
  message.body() = outbound.body;
  message.prepare_payload();
  return message;
}

using Parser = http::response_parser<http::buffer_body>;

HeaderList headers_of(const Parser& parser) {
  HeaderList all;
  for (const auto& field : parser.get()) all.emplace_back(std::string(field.name_string()), std::string(field.value()));
  return all;
}

/// All of the client but its thread: flows know it weakly, so that one that is kept too long does no harm.
class Engine : public std::enable_shared_from_this<Engine> {
 public:
  explicit Engine(base::Runtime& runtime) : runtime_(runtime) {}
  void work() { context_.run(); }
  void post(std::function<void()> work) { asio::post(context_, std::move(work)); }
  asio::io_context& context() { return context_; }

  // --- on the client's thread ---
  void begin(const JourneyPtr& journey);
  void end(Journey& journey, base::Outcome<void> outcome);
  void end_all();

 private:
  base::Outcome<PlacePtr> place_of(const Outbound& outbound);
  void forget_oldest();
  WirePtr take_idle(Place& place) const;
  void give_until(const JourneyPtr& journey, base::Monotonic deadline);
  awaitable<void> run(PlacePtr place, JourneyPtr journey);
  awaitable<void> travel(Place& place, JourneyPtr journey);
  awaitable<bool> talk(JourneyPtr journey, bool kept, bool& keep_alive);
  awaitable<void> pass_on(Journey& journey, Parser& parser);

  base::Runtime& runtime_;
  asio::io_context context_{1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_{context_.get_executor()};
  bool stopping_ = false;
  std::map<std::string, PlacePtr> places_;
  std::set<JourneyPtr> journeys_;
};

void Engine::begin(const JourneyPtr& journey) {
  journeys_.insert(journey);
  if (stopping_) return end(*journey, base::raw_500("the server is stopping"));
  auto place = place_of(journey->outbound);
  if (!place) return end(*journey, place.error());
  if ((*place)->active >= kRequestsPerServerMax) return end(*journey, base::raw_500("too many requests to it are under way"));
  ++(*place)->active;
  give_until(journey, journey->outbound.head_deadline);
  asio::co_spawn(context_, run(*place, journey), asio::detached);
}

base::Outcome<PlacePtr> Engine::place_of(const Outbound& outbound) {
  auto& place = places_[place_key(outbound)];
  if (!place) {
    auto tls = tls_for(outbound.endpoint.ca_pem, outbound.verify, outbound.certificate.get());
    if (!tls) return places_.erase(place_key(outbound)), tls.error();
    place = std::make_shared<Place>(std::move(*tls));
  }
  place->used = runtime_.monotonic_ns();
  const auto out = place;
  if (places_.size() > kServersMax) forget_oldest();
  return out;
}

void Engine::forget_oldest() {
  auto oldest = places_.end();
  for (auto at = places_.begin(); at != places_.end(); ++at)
    if (at->second->active == 0 && (oldest == places_.end() || at->second->used < oldest->second->used)) oldest = at;
  if (oldest != places_.end()) places_.erase(oldest);
}

WirePtr Engine::take_idle(Place& place) const {
  const auto oldest = runtime_.monotonic_ns() - kKeptAlive_ms * base::kNanosPerMs;
  while (!place.idle.empty()) {
    auto wire = std::move(place.idle.back());
    place.idle.pop_back();
    if (wire->used >= oldest && still_good(*wire)) return wire;
  }
  return nullptr;
}

void Engine::give_until(const JourneyPtr& journey, base::Monotonic deadline) {
  if (deadline == base::kForever) return void(journey->timer.cancel());
  journey->timer.expires_after(std::chrono::nanoseconds(std::max<std::int64_t>(0, deadline - runtime_.monotonic_ns())));
  journey->timer.async_wait([this, journey](const boost::system::error_code& cancelled) {
    if (!cancelled) end(*journey, base::raw_500(std::string(kTimedOut)));
  });
}

// What is still under way finds its connection closed.
void Engine::end(Journey& journey, base::Outcome<void> outcome) {
  if (std::exchange(journey.ended, true)) return;
  journey.timer.cancel();
  journey.room.cancel();
  if (!outcome && journey.wire) journey.wire->tcp_layer().close();
  const auto receiver = std::exchange(journey.receiver, nullptr);
  receiver->end(std::move(outcome));
  for (auto at = journeys_.begin(); at != journeys_.end(); ++at)
    if (at->get() == &journey) return void(journeys_.erase(at));
}

void Engine::end_all() {
  stopping_ = true;
  const auto journeys = journeys_;
  for (const auto& journey : journeys) end(*journey, base::raw_500("the server is stopping"));
  for (auto& [key, place] : places_) place->idle.clear();
  work_.reset();
}

// --- one request ---------------------------------------------------------------------------------------------------

awaitable<void> Engine::run(PlacePtr place, JourneyPtr journey) {
  base::Outcome<void> outcome;
  try {
    co_await travel(*place, journey);
  } catch (const Broken& broken) {
    outcome = base::raw_500(broken.why);
  } catch (const std::exception& error) {
    outcome = base::raw_500(error.what());
  }
  --place->active;
  end(*journey, std::move(outcome));
  journey->wire.reset();
}

awaitable<void> Engine::travel(Place& place, JourneyPtr journey) {
  for (;;) {
    journey->wire = take_idle(place);
    const bool kept = journey->wire != nullptr;
    if (!kept) {
      journey->wire = std::make_shared<Wire>(context_, place.tls);
      co_await connect(context_, *journey->wire, journey->outbound.endpoint, journey->outbound.verify, journey->outbound.plain);
    }
    if (journey->ended) co_return;
    bool keep_alive = false;
    if (!co_await talk(journey, kept, keep_alive)) continue;
    if (keep_alive && !stopping_ && !journey->ended && place.idle.size() < kIdlePerServerMax) {
      journey->wire->used = runtime_.monotonic_ns();
      place.idle.push_back(journey->wire);
    }
    co_return;
  }
}

// False: a kept connection was closed under a request that may be sent again.
awaitable<bool> Engine::talk(JourneyPtr journey, bool kept, bool& keep_alive) {
  auto& wire = *journey->wire;
  const auto& method = journey->outbound.method;
  auto message = message_of(journey->outbound);
  boost::system::error_code code;
  const bool plain = journey->outbound.plain;
  if (plain) co_await http::async_write(wire.tcp_layer(), message, redirect_error(use_awaitable, code));
  else co_await http::async_write(wire.stream, message, redirect_error(use_awaitable, code));
  std::optional<Parser> parser;
  do {
    parser.emplace();
    parser->header_limit(static_cast<std::uint32_t>(kHeadBytesMax));
    parser->body_limit(boost::none);
    parser->skip(method == "HEAD");
    if (!code && plain) co_await http::async_read_header(wire.tcp_layer(), wire.buffer, *parser, redirect_error(use_awaitable, code));
    else if (!code) co_await http::async_read_header(wire.stream, wire.buffer, *parser, redirect_error(use_awaitable, code));
    if (journey->ended) co_return true;
    if (code && kept && !parser->got_some() && (method == "GET" || method == "HEAD")) co_return false;
    if (code) throw Broken{words(code)};
    if (parser->get().result_int() == kSwitching) throw Broken{"it speaks another protocol without being asked to"};
  } while (parser->get().result_int() < kFirstRealStatus);
  give_until(journey, journey->outbound.deadline);
  journey->receiver->head(static_cast<int>(parser->get().result_int()), headers_of(*parser));
  co_await pass_on(*journey, *parser);
  keep_alive = parser->keep_alive();
  co_return true;
}

awaitable<void> Engine::pass_on(Journey& journey, Parser& parser) {
  const auto room = std::make_unique<char[]>(kPieceBytes);
  while (!parser.is_done()) {
    auto& body = parser.get().body();
    body.data = room.get();
    body.size = kPieceBytes;
    body.more = true;
    boost::system::error_code code;
    if (journey.outbound.plain) co_await http::async_read_some(journey.wire->tcp_layer(), journey.wire->buffer, parser, redirect_error(use_awaitable, code));
    else co_await http::async_read_some(journey.wire->stream, journey.wire->buffer, parser, redirect_error(use_awaitable, code));
    if (journey.ended) co_return;
    const auto got = kPieceBytes - parser.get().body().size;
    if (got > 0) journey.resumed = false;
    const bool goes_on = got == 0 || journey.receiver->bytes(std::string(room.get(), got));
    if (code && code != http::error::need_buffer) throw Broken{words(code)};
    while (!goes_on && !journey.resumed && !journey.ended) {
      journey.room.expires_at(asio::steady_timer::time_point::max());
      co_await journey.room.async_wait(redirect_error(use_awaitable, code));
    }
    if (journey.ended) co_return;
  }
}

class Handle final : public Flow {
 public:
  Handle(std::weak_ptr<Engine> engine, std::weak_ptr<Journey> journey) : engine_(std::move(engine)), journey_(std::move(journey)) {}
  void resume() override {
    on_thread([](Engine&, Journey& journey) {
      journey.resumed = true;
      journey.room.cancel();
    });
  }
  void cancel() override {
    on_thread([](Engine& engine, Journey& journey) { engine.end(journey, base::raw_500("context canceled")); });
  }

 private:
  template <class Work>
  void on_thread(Work work) {
    const auto engine = engine_.lock();
    if (!engine) return;
    engine->post([engine = engine.get(), weak = journey_, work] {
      if (const auto journey = weak.lock()) work(*engine, *journey);
    });
  }
  std::weak_ptr<Engine> engine_;
  std::weak_ptr<Journey> journey_;
};

class OutgoingClient final : public Outgoing {
 public:
  explicit OutgoingClient(base::Runtime& runtime) : engine_(std::make_shared<Engine>(runtime)) {
    thread_ = runtime.spawn("outgoing", [engine = engine_] { engine->work(); }, kThreadStackBytes);
  }
  ~OutgoingClient() override { stop(); }

  std::shared_ptr<Flow> send(Outbound outbound, std::shared_ptr<Receiver> receiver) override {
    auto journey = std::make_shared<Journey>(engine_->context(), std::move(outbound), std::move(receiver));
    auto flow = std::make_shared<Handle>(engine_, journey);
    const std::lock_guard lock(mutex_);
    if (!stopped_) {
      engine_->post([engine = engine_.get(), journey] { engine->begin(journey); });
      return flow;
    }
    journey->receiver->end(base::raw_500("the server is stopping"));
    return flow;
  }

  void stop() override {
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(stopped_, true)) return;
    }
    engine_->post([engine = engine_.get()] { engine->end_all(); });
    thread_.reset();
  }

 private:
  std::shared_ptr<Engine> engine_;
  std::mutex mutex_;
  bool stopped_ = false;   // under mutex_
  std::unique_ptr<base::Thread> thread_;
};

/// Gathers an answer.
class Gatherer final : public Receiver {
 public:
  Gatherer(std::size_t bytes_max, std::function<void(base::Outcome<Fetched>)> done) : bytes_max_(bytes_max), done_(std::move(done)) {}
  void head(int status, HeaderList headers) override {
    fetched_.status = status;
    fetched_.headers = std::move(headers);
  }
  bool bytes(std::string piece) override {
    if (fetched_.body.size() + piece.size() <= bytes_max_) fetched_.body += piece;
    else too_much_ = true;
    return true;
  }
  void end(base::Outcome<void> outcome) override {
    if (outcome && too_much_) outcome = base::raw_500("response body is too large");
    outcome ? done_(std::move(fetched_)) : done_(outcome.error());
  }

 private:
  const std::size_t bytes_max_;
  std::function<void(base::Outcome<Fetched>)> done_;
  Fetched fetched_;
  bool too_much_ = false;
};

}  // namespace

std::unique_ptr<Outgoing> make_outgoing(base::Runtime& runtime) { return std::make_unique<OutgoingClient>(runtime); }

void fetch(Outgoing& outgoing, Outbound outbound, std::size_t bytes_max, std::function<void(base::Outcome<Fetched>)> done) {
  outgoing.send(std::move(outbound), std::make_shared<Gatherer>(bytes_max, std::move(done)));
}

}  // namespace keelson::webhook
