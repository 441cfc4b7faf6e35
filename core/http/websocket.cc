#include "core/http/websocket.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "core/http/websocket_frames.hpp"

namespace keelson::http {
namespace {

constexpr std::string_view kBearer = "base64url.bearer.authorization.k8s.io.";

std::string accept_key(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  std::array<unsigned char, 2 * EVP_MAX_MD_SIZE> encoded;
  const int length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(size));
  return {reinterpret_cast<char*>(encoded.data()), static_cast<std::size_t>(length)};
}

// The first offer that carries no token is echoed: a browser gives up without an echo.
std::string chosen_protocol(const Request& request) {
  auto offered = std::string_view(request.header("Sec-WebSocket-Protocol"));
  while (!offered.empty()) {
    const auto comma = offered.find(',');
    auto item = offered.substr(0, comma);
    while (item.starts_with(' ')) item.remove_prefix(1);
    if (!item.empty() && !item.starts_with(kBearer)) return std::string(item);
    offered = comma == std::string_view::npos ? std::string_view{} : offered.substr(comma + 1);
  }
  return {};
}

class FramedPayload final : public Payload {
 public:
  FramedPayload(std::unique_ptr<Payload> plain, bool binary) : plain_(std::move(plain)), binary_(binary) {}
  bool endless() const override { return true; }
  Pull pull(std::vector<std::string_view>& out, std::size_t bytes_max) override {
    pieces_.clear();
    heads_.clear();
    const auto state = plain_->pull(pieces_, bytes_max);
    heads_.reserve(pieces_.size() + 1);
    for (auto piece : pieces_) {
      if (binary_) piece.remove_prefix(std::min(kLengthBytes, piece.size()));
      else if (piece.ends_with('\n')) piece.remove_suffix(1);
      out.push_back(heads_.emplace_back(websocket_frame_head(binary_ ? kBinary : kText, piece.size())));
      out.push_back(piece);
    }
    if (state == Pull::end) out.push_back(heads_.emplace_back(websocket_close(WebSocketCode::normal)));
    return state;
  }

 private:
  static constexpr unsigned char kText = 1, kBinary = 2;
  static constexpr std::size_t kLengthBytes = 4;   // of a protobuf frame: the WebSocket frame says it
  std::unique_ptr<Payload> plain_;
  bool binary_;
  std::vector<std::string_view> pieces_;
  std::vector<std::string> heads_;
};

}  // namespace

bool asks_websocket(const Request& request) {
  return request.method == "GET" && request.upgrade && request.http1 && same_text(request.header("Upgrade"), "websocket") && !request.header("Sec-WebSocket-Key").empty();
}

Response websocket_response(const Request& request, std::unique_ptr<Payload> payload, Headers headers, bool binary) {
  Response response;
  response.status = 101;
  response.headers = std::move(headers);
  response.headers.emplace_back("Upgrade", "websocket");
  response.headers.emplace_back("Connection", "Upgrade");
  response.headers.emplace_back("Sec-WebSocket-Accept", accept_key(request.header("Sec-WebSocket-Key")));
  if (const auto protocol = chosen_protocol(request); !protocol.empty()) response.headers.emplace_back("Sec-WebSocket-Protocol", protocol);
  response.payload = std::make_unique<FramedPayload>(std::move(payload), binary);
  return response;
}

std::string websocket_head(const Request& request, std::string_view protocol) {
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept_key(request.header("Sec-WebSocket-Key")) +
         "\r\nSec-WebSocket-Protocol: " + std::string(protocol) + "\r\n\r\n";
}

}  // namespace keelson::http
