#include "core/http/translation.hpp"

#include <algorithm>
#include <optional>

#include "core/base/error.hpp"
#include "core/http/spdy.hpp"
#include "core/http/websocket_frames.hpp"

namespace keelson::http {
namespace {

/// What would be the client's connection to the server travels inside binary frames.
class Enclosed final : public Translation {
 public:
  void begin(std::string&) override {}
  bool from_client(std::string_view bytes, std::string& up, std::string& down) override {
    return frames_.feed(bytes, up, down) == WebSocketReader::State::open;
  }
  bool from_server(std::string_view bytes, std::string&, std::string& down) override {
    down += websocket_binary(bytes);
    return true;
  }
  void server_ended(std::string& down) override { down += websocket_close(WebSocketCode::normal); }

 private:
  WebSocketReader frames_;
};

/// v5.channel.k8s.io: a message's first byte is its channel; each channel is a stream of the server's SPDY connection.
class Channels final : public Translation, WebSocketListener, SpdyListener {
 public:
  explicit Channels(const StreamChannels& wanted) : wanted_(wanted) {}

  void begin(std::string& up) override {
    error_ = spdy_.open(up, {{"streamtype", "error"}});
    if (wanted_.input) input_ = spdy_.open(up, {{"streamtype", "stdin"}});
    if (wanted_.output) output_ = spdy_.open(up, {{"streamtype", "stdout"}});
    if (wanted_.errors) errors_ = spdy_.open(up, {{"streamtype", "stderr"}});
    if (wanted_.terminal) resize_ = spdy_.open(up, {{"streamtype", "resize"}});
  }

  bool from_client(std::string_view bytes, std::string& up, std::string& down) override {
    up_ = &up;
    return frames_.feed(bytes, static_cast<WebSocketListener&>(*this), down) == WebSocketReader::State::open;
  }

  bool from_server(std::string_view bytes, std::string& up, std::string& down) override {
    up_ = &up;
    down_ = &down;
    return reader_.feed(bytes, *this);
  }

  void server_ended(std::string& down) override {
    down_ = &down;
    if (!told_) {
      if (status_.empty()) status_ = base::to_status_json(base::internal("the container runtime ended the connection before the end was known"));
      tell_status();
    }
    down += websocket_close(WebSocketCode::normal);
  }

 private:
  enum Channel : unsigned char { kInput = 0, kOutput = 1, kErrors = 2, kStatus = 3, kResize = 4, kClose = 255 };
  static constexpr std::size_t kStatusBytesMax = 64u << 10;
  static constexpr char kEndOfTransmission = 4;
  static constexpr unsigned char kBinaryFrame = 2;

  void message_begins() override { channel_.reset(); }

  void message_part(std::string_view bytes) override {
    if (!channel_) {
      channel_ = static_cast<unsigned char>(bytes.front());
      bytes.remove_prefix(1);
    }
    if (bytes.empty()) return;
    if (*channel_ == kInput && input_ != 0) spdy_data(*up_, input_, bytes, false);
    if (*channel_ == kResize && resize_ != 0) spdy_data(*up_, resize_, bytes, false);
    if (*channel_ == kClose && static_cast<unsigned char>(bytes.front()) == kInput) end_input();
  }

  // A terminal has no end of its own: what is said to whoever reads it is what the user's key would say.
  void end_input() {
    if (input_ == 0) return;
    const std::string_view goodbye = wanted_.terminal && wanted_.end_of_terminal ? std::string_view(&kEndOfTransmission, 1) : std::string_view();
    spdy_data(*up_, input_, goodbye, true);
    input_ = 0;
  }

  void data(std::uint32_t stream, std::string_view bytes) override {
    if (stream == 0) return;
    if (stream == output_) say(kOutput, bytes);
    else if (stream == errors_) say(kErrors, bytes);
    else if (stream == error_ && !told_) status_ += bytes.substr(0, kStatusBytesMax - std::min(status_.size(), kStatusBytesMax));
  }

  void ended(std::uint32_t stream, bool) override {
    if (stream == error_ && !told_ && !status_.empty()) tell_status();
    if (stream == input_) input_ = 0;
    if (stream == resize_) resize_ = 0;
  }

  void ping(std::uint32_t id) override { spdy_ping(*up_, id); }

  void say(Channel channel, std::string_view bytes) {
    *down_ += websocket_frame_head(kBinaryFrame, bytes.size() + 1);
    *down_ += static_cast<char>(channel);
    *down_ += bytes;
  }

  // In one message, as a reader of single messages expects it.
  void tell_status() {
    told_ = true;
    say(kStatus, status_);
  }

  StreamChannels wanted_;
  WebSocketReader frames_;
  SpdyWriter spdy_;
  SpdyReader reader_;
  std::uint32_t error_ = 0, input_ = 0, output_ = 0, errors_ = 0, resize_ = 0;   // streams; 0: none, or ended
  std::optional<unsigned char> channel_;                                           // of the message under way
  std::string status_;
  bool told_ = false;
  std::string *up_ = nullptr, *down_ = nullptr;                                    // during a call
};

}  // namespace

std::unique_ptr<Translation> make_translation(const Tunnel& tunnel) {
  if (tunnel.websocket_head.empty()) return nullptr;
  if (tunnel.channels) return std::make_unique<Channels>(*tunnel.channels);
  return std::make_unique<Enclosed>();
}

}  // namespace keelson::http
