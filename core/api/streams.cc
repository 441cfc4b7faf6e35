// What plugins serve: subresources (log, exec, attach, portforward, their own), whole resources and paths. The API layer authorizes,
// the plugin answers.
#include <simdjson.h>

#include <atomic>
#include <charconv>
#include <deque>
#include <mutex>

#include "core/api/connecting.hpp"
#include "core/api/core.hpp"
#include "core/api/impersonation.hpp"
#include "core/http/websocket.hpp"

namespace keelson::api {
namespace {

/// Filled by a plugin's worker, emptied by the connection.
class QueuePayload final : public http::Payload {
 public:
  struct Shared {
    std::mutex mutex;
    std::deque<std::string> queue;   // under mutex, like all below
    std::size_t bytes = 0;
    bool ended = false, cut = false;
    std::atomic<bool> left{false};   // the client has
    std::unique_ptr<base::Waiter> room;
  };
  explicit QueuePayload(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  ~QueuePayload() override {
    shared_->left = true;
    shared_->room->notify();
  }
  bool endless() const override { return true; }
  bool patient() const override { return true; }

  Pull pull(std::vector<std::string_view>& out, std::size_t bytes_max) override {
    taken_.clear();
    std::size_t bytes = 0;
    bool empty = false, ended = false, cut = false;
    {
      const std::lock_guard lock(shared_->mutex);
      while (!shared_->queue.empty() && bytes < bytes_max) {
        bytes += shared_->queue.front().size();
        taken_.push_back(std::move(shared_->queue.front()));
        shared_->queue.pop_front();
      }
      shared_->bytes -= bytes;
      empty = shared_->queue.empty();
      ended = shared_->ended;
      cut = shared_->cut;
    }
    if (bytes > 0) shared_->room->notify();
    for (const auto& piece : taken_) out.push_back(piece);
    if (cut) return Pull::cut;
    if (!empty) return Pull::more;
    return ended ? Pull::end : Pull::wait;
  }

 private:
  std::shared_ptr<Shared> shared_;
  std::vector<std::string> taken_;
};

struct Endpoint {
  std::string address;
  std::uint16_t port = 0;
};

std::optional<Endpoint> parse_endpoint(std::string_view host_port) {
  const auto colon = host_port.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto host = host_port.substr(0, colon);
  const auto digits = host_port.substr(colon + 1);
  Endpoint endpoint;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), endpoint.port);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) return std::nullopt;
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  endpoint.address = host == "localhost" ? "127.0.0.1" : host;
  return endpoint;
}

// Upgrade headers go through, credentials and hop headers do not.
bool forwarded(std::string_view name) {
  if (name.size() >= 14 && http::same_text(name.substr(0, 14), "Sec-WebSocket-")) return true;
  for (const std::string_view kept : {"Connection", "Upgrade", "X-Stream-Protocol-Version", "Content-Length", "User-Agent", "Origin"})
    if (http::same_text(name, kept)) return true;
  return false;
}

std::string forwarded_head(const http::Request& request, std::string_view host_port, std::string_view path_and_query) {
  std::string head = request.method + " " + std::string(path_and_query) + " HTTP/1.1\r\nHost: " + std::string(host_port) + "\r\n";
  for (const auto& [name, value] : request.headers)
    if (forwarded(name)) head += name + ": " + value + "\r\n";
  return head + "\r\n";
}

// The runtime speaks SPDY/3.1 and WebSocket with v1 to v4, forwarded as they are. Two newer ways in a WebSocket become SPDY here:
// port-forwarding, where what would be a SPDY connection travels inside, and channels that can be half closed.
constexpr std::string_view kTunnelled = "SPDY/3.1+portforward.k8s.io", kTunnelledInside = "portforward.k8s.io";
constexpr std::string_view kChannels = "v5.channel.k8s.io", kChannelsInside = "v4.channel.k8s.io";

/// The subprotocol to translate; empty: none.
std::string_view translated(const http::Request& request, std::string_view subresource) {
  if (!http::asks_websocket(request)) return {};
  const auto protocol = subresource == "portforward" ? kTunnelled : kChannels;
  return http::lists_token(request.joined("Sec-WebSocket-Protocol"), protocol) ? protocol : std::string_view();
}

std::string spdy_head(std::string_view host_port, std::string_view path_and_query, std::string_view protocol) {
  return "POST " + std::string(path_and_query) + " HTTP/1.1\r\nHost: " + std::string(host_port) +
         "\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: " + std::string(protocol) + "\r\nContent-Length: 0\r\n\r\n";
}

// The plugin says in its query what the server at the other end was asked for, which may be less than what the client wants.
http::StreamChannels channels_of(std::string_view path_and_query) {
  const auto mark = path_and_query.find('?');
  const Query asked(mark == std::string_view::npos ? std::string_view() : path_and_query.substr(mark + 1));
  return {.input = truthy(asked, "stdin"), .output = truthy(asked, "stdout"), .errors = truthy(asked, "stderr"), .terminal = truthy(asked, "tty"),
          .end_of_terminal = truthy(asked, "stdinOnce")};
}

class Stream final : public plugins::RouteStream {
 public:
  explicit Stream(CallRef call) : call_(std::move(call)), shared_(std::make_shared<QueuePayload::Shared>()) { shared_->room = call_->core.parts.runtime.waiter(); }
  ~Stream() override {
    if (!begun_) fail(base::internal("the plugin ended without an answer"));
    finish();
  }

  void respond(int code, std::string_view content_type) override {
    if (std::exchange(begun_, true)) return;
    streaming_ = true;
    call_->responder->post([call = call_, code, type = std::string(content_type), shared = shared_] {
      call->send(code, type, std::make_unique<QueuePayload>(shared));
    });
  }

  bool write(std::string_view bytes) override {
    if (!begun_) respond(200, "text/plain");
    while (!closed()) {
      {
        const std::lock_guard lock(shared_->mutex);
        if (shared_->bytes < plugins::kRouteBacklogBytesMax) {
          shared_->queue.emplace_back(bytes);
          shared_->bytes += bytes.size();
          break;
        }
      }
      // Bounded: a client that left before its answer began wakes nobody.
      shared_->room->wait_until(call_->core.parts.runtime.in_ms(kLookAgain_ms));
    }
    if (closed()) return false;
    call_->responder->wake();
    return true;
  }

  void fail(const base::Error& error) override {
    if (streaming_) return end(true);
    if (std::exchange(begun_, true)) return;
    call_->responder->post([call = call_, error] { call->fail(error); });
  }

  void forward(std::string_view host_port, std::string_view path_and_query) override {
    if (begun_) return;
    const auto endpoint = parse_endpoint(host_port);
    if (!endpoint) return fail(base::internal("not an address: " + std::string(host_port)));
    begun_ = true;
    http::Tunnel tunnel;
    tunnel.address = endpoint->address;
    tunnel.port = endpoint->port;
    const auto protocol = translated(call_->request, call_->info.subresource);
    if (protocol.empty()) {
      tunnel.head = forwarded_head(call_->request, host_port, path_and_query);
    } else {
      tunnel.head = spdy_head(host_port, path_and_query, protocol == kChannels ? kChannelsInside : kTunnelledInside);
      tunnel.websocket_head = http::websocket_head(call_->request, protocol);
      if (protocol == kChannels) tunnel.channels = channels_of(path_and_query);
    }
    tunnel.ended = call_->finisher();
    call_->responder->tunnel(std::move(tunnel));
  }

  bool closed() const override { return shared_->left || call_->responder->gone(); }
  void finish() override {
    if (streaming_) end(false);
  }

 private:
  static constexpr std::int64_t kLookAgain_ms = 1'000;

  void end(bool cut) {
    {
      const std::lock_guard lock(shared_->mutex);
      if (shared_->ended) return;
      shared_->ended = true;
      shared_->cut = cut;
    }
    call_->responder->wake();
  }

  CallRef call_;
  std::shared_ptr<QueuePayload::Shared> shared_;
  bool begun_ = false, streaming_ = false;
};

// kubectl takes a refused WebSocket handshake as "use SPDY".
std::string upgrade_complaint(const http::Request& request, std::string_view subresource) {
  if (!request.upgrade) return "Upgrade request required";
  if (!request.http1) return "unable to upgrade: only over HTTP/1.1";
  const auto protocol = request.header("Upgrade");
  if (http::same_text(protocol, "SPDY/3.1")) return {};
  if (!http::same_text(protocol, "websocket")) return "unable to upgrade: unknown protocol";
  const auto offered = request.joined("Sec-WebSocket-Protocol");
  if (offered.empty() || !translated(request, subresource).empty()) return {};
  for (const std::string_view known : {"v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io", "v4.base64.channel.k8s.io", "base64.channel.k8s.io"})
    if (http::lists_token(offered, known)) return {};
  return "unable to upgrade: no known subprotocol among " + offered;
}

bool needs_upgrade(std::string_view subresource) { return subresource == "exec" || subresource == "attach" || subresource == "portforward"; }

plugins::RouteRequest route_request(const Call& call) {
  plugins::RouteRequest request;
  request.method = call.request.method;
  request.path = call.request.path;
  request.query = call.request.query;
  for (const auto& header : call.request.headers)
    if (!http::same_text(header.first, "Authorization") && !http::same_text(header.first, "Cookie") && !impersonates(header.first)) request.headers.push_back(header);
  request.kind = call.kind;
  request.subresource = call.info.subresource;
  request.ns = call.info.ns;
  request.name = call.info.name;
  request.user = call.context.user;
  request.upgrade = call.request.upgrade;
  request.verb = call.info.verb;
  if (!request.upgrade) request.body = call.request.body;
  return request;
}

// exec and its like need `create` even by GET: reading would be too weak a right for running a command.
base::Outcome<void> authorize_stream(const Call& call) {
  auth::Attributes attributes;
  attributes.user = &call.context.user;
  attributes.group = call.kind->group;
  attributes.version = call.kind->version;
  attributes.resource = call.kind->resource;
  attributes.subresource = call.info.subresource;
  attributes.ns = call.info.ns;
  attributes.name = call.info.name;
  std::vector<std::string> verbs{call.info.verb};
  if (needs_upgrade(call.info.subresource) && call.info.verb == "get") verbs.push_back("create");
  for (const auto& verb : verbs) {
    attributes.verb = verb;
    const auto verdict = call.core.parts.chains.authorize(attributes);
    if (call.record) call.record->notes->decided(verdict);
    if (verdict.decision != auth::Decision::allow) return auth::refusal(attributes, verdict.reason);
  }
  return {};
}

void hand_over(const CallRef& call, plugins::RouteHandler& handler) {
  if (!simdjson::validate_utf8(call->request.body.data(), call->request.body.size())) return call->fail(base::bad_request("what a plugin serves takes a body of UTF-8 text"));
  call->long_running();
  handler.handle(route_request(*call), std::make_shared<Stream>(call));
}

}  // namespace

std::shared_ptr<plugins::RouteHandler> route_of(const Call& call) {
  const auto* routes = call.core.parts.routes;
  return routes ? routes->find(call.kind->storage_key, call.info.subresource) : nullptr;
}

bool answer_plugin_path(const CallRef& call) {
  const auto* routes = call->core.parts.routes;
  const auto handler = routes ? routes->find_path(call->info.path) : nullptr;
  if (handler) hand_over(call, *handler);
  return handler != nullptr;
}

bool answer_stream(const CallRef& call) {
  auto handler = route_of(*call);
  const bool connects = needs_upgrade(call->info.subresource);
  if (!handler && !connects && call->info.subresource != "log") return false;
  if (auto allowed = authorize_stream(*call); !allowed) return call->fail(allowed.error()), true;
  auto begin = [call, handler = std::move(handler), connects] {
    if (connects)
      if (auto ready = connectable(*call); !ready) return call->fail(ready.error());
    if (!handler) return call->fail(base::unavailable("no plugin serves " + call->kind->resource + "/" + call->info.subresource));
    if (connects)
      if (const auto complaint = upgrade_complaint(call->request, call->info.subresource); !complaint.empty()) return call->fail(base::bad_request(complaint));
    hand_over(call, *handler);
  };
  // As upstream does: who may not connect hears that, whatever else is wrong.
  if (connects) admit_connect(call, std::move(begin));
  else begin();
  return true;
}

}  // namespace keelson::api
