#include <zlib.h>

#include <array>
#include <stdexcept>

#include "core/http/http.hpp"

namespace keelson::http {
namespace {

constexpr std::size_t kGzipOutputBytes = 32u << 10;
constexpr int kGzipLevel = 1;
constexpr int kGzipWindow = 15 + 16;   // +16: gzip framing

/// Compresses one pull of the plain payload at a time, so that a connection can yield between them.
class GzipPayload final : public Payload {
 public:
  explicit GzipPayload(std::unique_ptr<Payload> plain) : plain_(std::move(plain)) {
    if (deflateInit2(&stream_, kGzipLevel, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::runtime_error("zlib cannot start");
  }
  ~GzipPayload() override { deflateEnd(&stream_); }
  GzipPayload(const GzipPayload&) = delete;
  GzipPayload& operator=(const GzipPayload&) = delete;

  Pull pull(std::vector<std::string_view>& out, std::size_t bytes_max) override {
    pieces_.clear();
    output_.clear();
    const auto state = plain_->pull(pieces_, bytes_max);
    for (const auto piece : pieces_) compress(piece, Z_NO_FLUSH);
    if (state == Pull::end) compress({}, Z_FINISH);
    if (!output_.empty()) out.push_back(output_);
    return state;
  }

 private:
  void compress(std::string_view piece, int flush) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    stream_.avail_in = static_cast<uInt>(piece.size());
    do {
      stream_.next_out = buffer_.data();
      stream_.avail_out = static_cast<uInt>(buffer_.size());
      deflate(&stream_, flush);
      output_.append(reinterpret_cast<const char*>(buffer_.data()), buffer_.size() - stream_.avail_out);
    } while (stream_.avail_out == 0);
  }

  std::unique_ptr<Payload> plain_;
  z_stream stream_{};
  std::vector<std::string_view> pieces_;
  std::string output_;
  std::array<Bytef, kGzipOutputBytes> buffer_;
};

}  // namespace

std::unique_ptr<Payload> gzip_payload(std::unique_ptr<Payload> plain) {
  return std::make_unique<GzipPayload>(std::move(plain));
}

}  // namespace keelson::http
