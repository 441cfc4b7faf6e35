#include "core/api/aggregated.hpp"

#include <algorithm>
#include <charconv>
#include <deque>
#include <mutex>

#include "core/aggregation/aggregation.hpp"
#include "core/api/attributes.hpp"
#include "core/api/impersonation.hpp"
#include "core/api/inflating.hpp"

namespace keelson::api {
namespace {

constexpr int kNoContent = 204, kRedirects = 300, kNotModified = 304, kErrors = 400, kBadGateway = 502, kUnavailable = 503;
constexpr std::string_view kRedirected = "the backend attempted to redirect this request, which is not permitted\n";

bool among(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view known) { return http::same_text(name, known); });
}

bool hop_header(std::string_view name) {
  return among(name, {"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"});
}

/// Credentials and claims stay here; who says who asks is this server.
bool private_header(std::string_view name) {
  return among(name, {"Authorization", "Cookie", "Audit-Id"}) || impersonates(name) || aggregation::claims_identity(name) ||
         (name.size() > 12 && http::same_text(name.substr(0, 12), "X-Forwarded-"));
}

bool names_hop(const http::Request& request, std::string_view name) { return http::lists_token(request.joined("Connection"), name); }

bool sent_there(const http::Request& request, std::string_view name) {
  return !hop_header(name) && !private_header(name) && !among(name, {"Host", "Content-Length", "Expect"}) && !names_hop(request, name);
}

bool passed_back(std::string_view name) {
  if (hop_header(name) || among(name, {"Content-Type", "Content-Length", "Date", "Audit-Id"})) return false;
  const auto begins = [&](std::string_view prefix) { return name.size() >= prefix.size() && http::same_text(name.substr(0, prefix.size()), prefix); };
  return !begins("Access-Control-") && !begins("X-Kubernetes-Pf-");
}

/// Filled by the thread that reads from the other server, emptied by the connection.
struct Backlog {
  std::mutex mutex;
  std::deque<std::string> pieces;   // under mutex, like all below
  std::size_t bytes = 0;
  bool ended = false, cut = false, full = false;
  std::shared_ptr<webhook::Flow> flow;
};

class RelayedPayload final : public http::Payload {
 public:
  RelayedPayload(std::shared_ptr<Backlog> backlog, std::optional<std::uint64_t> length, bool endless) : backlog_(std::move(backlog)), length_(length), endless_(endless) {}
  ~RelayedPayload() override {
    if (const auto flow = flow_of()) flow->cancel();
  }
  std::optional<std::uint64_t> length() const override { return length_; }
  bool endless() const override { return endless_; }
  bool patient() const override { return endless_; }
  bool as_it_is() const override { return true; }

  Pull pull(std::vector<std::string_view>& out, std::size_t bytes_max) override {
    taken_.clear();
    std::size_t bytes = 0;
    bool empty = false, ended = false, cut = false, resume = false;
    {
      const std::lock_guard lock(backlog_->mutex);
      while (!backlog_->pieces.empty() && bytes < bytes_max) {
        bytes += backlog_->pieces.front().size();
        taken_.push_back(std::move(backlog_->pieces.front()));
        backlog_->pieces.pop_front();
      }
      backlog_->bytes -= bytes;
      empty = backlog_->pieces.empty();
      ended = backlog_->ended;
      cut = backlog_->cut;
      resume = backlog_->bytes < kAggregatedBacklogBytes / 2 && std::exchange(backlog_->full, false);
    }
    if (resume)
      if (const auto flow = flow_of()) flow->resume();
    for (const auto& piece : taken_) out.push_back(piece);
    if (!empty) return Pull::more;
    if (cut) return Pull::cut;
    return ended ? Pull::end : Pull::wait;
  }

 private:
  std::shared_ptr<webhook::Flow> flow_of() {
    const std::lock_guard lock(backlog_->mutex);
    return backlog_->flow;
  }
  std::shared_ptr<Backlog> backlog_;
  const std::optional<std::uint64_t> length_;
  const bool endless_;
  std::vector<std::string> taken_;
};

/// What comes back, as the answer to a call.
class Answering final : public webhook::Receiver {
 public:
  Answering(CallRef call, std::shared_ptr<Backlog> backlog, std::optional<ProxiedAt> proxied)
      : call_(std::move(call)), backlog_(std::move(backlog)), responder_(call_->responder), proxied_(std::move(proxied)), bodyless_(call_->request.method == "HEAD") {}

  void head(int status, webhook::HeaderList headers) override {
    begun_ = true;
    if (!proxied_ && status >= kRedirects && status < kErrors && status != kNotModified) {
      refused_ = true;
      return answer([](Call& call) { call.text(kBadGateway, std::string(kRedirected)); });
    }
    if (proxied_) lead_through(status, headers);
    answer([status, headers = std::move(headers), backlog = backlog_](Call& call) mutable {
      std::string type;
      std::optional<std::uint64_t> length;
      http::Headers more;
      for (auto& [name, value] : headers) {
        if (http::same_text(name, "Content-Type")) type = value;
        std::uint64_t bytes = 0;
        if (http::same_text(name, "Content-Length") && std::from_chars(value.data(), value.data() + value.size(), bytes).ec == std::errc()) length = bytes;
        if (passed_back(name)) more.emplace_back(std::move(name), std::move(value));
      }
      call.send(status, std::move(type), std::make_unique<RelayedPayload>(std::move(backlog), length, call.streams()), std::move(more));
    });
  }

  bool bytes(std::string piece) override {
    if (refused_ || broken_) return true;
    if (page_ && !page_->feed(piece)) {
      broken_ = true;
      return true;
    }
    if (piece.empty()) return true;
    return pass_back(std::move(piece));
  }

  void end(base::Outcome<void> outcome) override {
    if (!begun_ && !outcome) return answer([why = outcome.error().message](Call& call) { call.text(kUnavailable, "error trying to reach service: " + why + "\n"); });
    if (page_)
      if (auto rest = page_->end(); !rest.empty()) pass_back(std::move(rest));
    {
      const std::lock_guard lock(backlog_->mutex);
      backlog_->ended = true;
      backlog_->cut = !outcome || broken_;
      backlog_->flow.reset();
    }
    responder_->wake();
    call_.reset();
  }

 private:
  /// What the links of a page go through.
  class Page {
   public:
    Page(ProxiedAt at, std::unique_ptr<Inflating> inflating) : links_(std::move(at)), inflating_(std::move(inflating)) {}
    bool feed(std::string& piece) {
      std::string plain, out;
      if (inflating_ && !inflating_->feed(piece, plain)) return false;
      links_.feed(inflating_ ? plain : piece, out);
      piece = std::move(out);
      return true;
    }
    std::string end() {
      std::string out;
      links_.end(out);
      return out;
    }

   private:
    HtmlLinks links_;
    std::unique_ptr<Inflating> inflating_;
  };

  /// Redirects, or the links of a page; its length and encoding are not known any more then.
  void lead_through(int status, webhook::HeaderList& headers) {
    std::string type, encoding;
    for (auto& [name, value] : headers) {
      if (http::same_text(name, "Location")) return void(value = proxied_url(value, *proxied_));
      if (http::same_text(name, "Content-Type")) type = value.substr(0, value.find(';'));
      if (http::same_text(name, "Content-Encoding")) encoding = value;
    }
    while (type.ends_with(' ')) type.pop_back();
    auto inflating = Inflating::of(encoding);
    if (type != "text/html" || bodyless_ || status == kNoContent || status == kNotModified || (!inflating && !encoding.empty())) return;
    std::erase_if(headers, [](const auto& header) { return among(header.first, {"Content-Length", "Content-Encoding"}); });
    page_.emplace(*proxied_, std::move(inflating));
  }

  bool pass_back(std::string piece) {
    bool full = false;
    {
      const std::lock_guard lock(backlog_->mutex);
      backlog_->bytes += piece.size();
      backlog_->pieces.push_back(std::move(piece));
      full = backlog_->full = backlog_->bytes >= kAggregatedBacklogBytes;
    }
    responder_->wake();
    return !full;
  }

  /// Once: afterwards the call is the connection's.
  template <class Say>
  void answer(Say say) {
    // Shared: a std::function must be copyable.
    auto held = std::make_shared<Say>(std::move(say));
    responder_->post([call = std::exchange(call_, nullptr), held] {
      if (!call->answered()) (*held)(*call);
    });
  }

  CallRef call_;
  std::shared_ptr<Backlog> backlog_;
  std::shared_ptr<http::Responder> responder_;
  const std::optional<ProxiedAt> proxied_;   // null: another API server
  const bool bodyless_;
  std::optional<Page> page_;
  bool begun_ = false, refused_ = false, broken_ = false;
};

void refuse(Call& call, const base::Error& why) {
  if (why.code == 500 && why.message.starts_with("an identity")) return call.fail(why);
  call.text(kUnavailable, "service unavailable\n");
}

std::string target_of(const http::Request& request) { return request.query.empty() ? request.path : request.path + "?" + request.query; }

void hand_over_connection(const CallRef& call, const webhook::Outbound& outbound) {
  if (!call->request.http1) return call->fail(base::bad_request("unable to upgrade: only over HTTP/1.1"));
  http::Tunnel tunnel;
  tunnel.address = outbound.endpoint.host;
  tunnel.port = static_cast<std::uint16_t>(std::atoi(outbound.endpoint.port.c_str()));
  tunnel.head = call->request.method + " " + outbound.endpoint.path + " HTTP/1.1\r\nHost: " + outbound.endpoint.authority + "\r\n";
  for (const auto& [name, value] : call->request.headers)
    if (among(name, {"Connection", "Upgrade"}) || sent_there(call->request, name)) tunnel.head += name + ": " + value + "\r\n";
  for (const auto& [name, value] : outbound.headers) tunnel.head += name + ": " + value + "\r\n";
  tunnel.head += "Content-Length: 0\r\n\r\n";
  if (!outbound.plain) tunnel.tls = http::TunnelTls{outbound.endpoint.server_name, outbound.endpoint.ca_pem, outbound.verify, {}, {}};
  if (outbound.certificate) {
    tunnel.tls->certificate_pem = outbound.certificate->certificate_pem;
    tunnel.tls->key_pem = outbound.certificate->key_pem;
  }
  tunnel.ended = call->finisher();
  call->long_running();
  call->responder->tunnel(std::move(tunnel));
}

void forward(const CallRef& call, const aggregation::Backend& backend) {
  auto& aggregation = *call->core.parts.aggregation;
  if (!backend.available) return call->text(kUnavailable, "service unavailable\n");
  auto outbound = aggregation.outbound(backend, call->context.user);
  if (!outbound) return refuse(*call, outbound.error());
  outbound->endpoint.path = target_of(call->request);
  pass_to(call, std::move(*outbound));
}

}  // namespace

void pass_to(const CallRef& call, webhook::Outbound outbound, std::optional<ProxiedAt> proxied) {
  if (call->request.upgrade) return hand_over_connection(call, outbound);
  if (streams(call->info)) call->long_running();
  outbound.method = call->request.method;
  for (const auto& [name, value] : call->request.headers)
    if (sent_there(call->request, name)) outbound.headers.emplace_back(name, value);
  if (!call->request.remote.empty()) outbound.headers.emplace_back("X-Forwarded-For", call->request.remote);
  outbound.headers.emplace_back("Audit-Id", call->context.request_id);
  outbound.body = std::move(call->request.body);
  outbound.head_deadline = call->streams() ? call->core.parts.runtime.in_ms(kAggregatedHead_ms) : call->context.deadline;
  outbound.deadline = call->streams() ? base::kForever : call->context.deadline;
  auto backlog = std::make_shared<Backlog>();
  auto flow = call->core.parts.aggregation->outgoing().send(std::move(outbound), std::make_shared<Answering>(call, backlog, std::move(proxied)));
  const std::lock_guard lock(backlog->mutex);
  if (!backlog->ended) backlog->flow = std::move(flow);
}

bool streams(const RequestInfo& info) { return info.verb == "watch" || info.verb == "proxy" || among(info.subresource, {"attach", "exec", "proxy", "log", "portforward"}); }

bool answer_aggregated(const CallRef& call) {
  const auto* aggregation = call->core.parts.aggregation;
  if (!aggregation || call->info.prefix != "apis") return false;
  const auto apis = aggregation->apis();
  const auto* offered = apis->find(call->info.group, call->info.version);
  if (!offered) return false;
  if (permitted(*call, attributes_of(call->info, &call->context.user))) forward(call, *offered->backend);
  return true;
}

bool answer_aggregated_path(const CallRef& call, const std::string& path) {
  static constexpr std::string_view versions = "/apis/", documents = "/openapi/v3/apis/";
  const auto* aggregation = call->core.parts.aggregation;
  if (!aggregation) return false;
  const auto rest = path.starts_with(versions) ? path.substr(versions.size()) : path.starts_with(documents) ? path.substr(documents.size()) : std::string();
  const auto slash = rest.find('/');
  if (slash == std::string::npos) return false;
  const auto apis = aggregation->apis();
  const auto* offered = apis->find(std::string_view(rest).substr(0, slash), std::string_view(rest).substr(slash + 1));
  if (!offered) return false;
  forward(call, *offered->backend);
  return true;
}

}  // namespace keelson::api
