#include "core/api/inflating.hpp"

#include <zlib.h>

#include <array>
#include <stdexcept>

namespace keelson::api {

struct Inflating::Stream {
  z_stream zlib{};
  std::array<Bytef, 32u << 10> buffer;
  bool ended = false;
};

std::unique_ptr<Inflating> Inflating::of(std::string_view encoding) {
  constexpr int kGzipped = 15 + 16, kUnframed = -15;
  if (encoding != "gzip" && encoding != "deflate") return nullptr;
  return std::unique_ptr<Inflating>(new Inflating(encoding == "gzip" ? kGzipped : kUnframed));
}

Inflating::Inflating(int window) : stream_(std::make_unique<Stream>()) {
  if (inflateInit2(&stream_->zlib, window) != Z_OK) throw std::runtime_error("zlib cannot start");
}

Inflating::~Inflating() { inflateEnd(&stream_->zlib); }

bool Inflating::feed(std::string_view piece, std::string& out) {
  auto& [zlib, buffer, ended] = *stream_;
  const auto before = out.size();
  zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
  zlib.avail_in = static_cast<uInt>(piece.size());
  while (!ended) {
    zlib.next_out = buffer.data();
    zlib.avail_out = static_cast<uInt>(buffer.size());
    const int state = inflate(&zlib, Z_NO_FLUSH);
    if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR) return false;
    out.append(reinterpret_cast<const char*>(buffer.data()), buffer.size() - zlib.avail_out);
    if (out.size() - before > kInflatedBytesMax) return false;
    ended = state == Z_STREAM_END;
    if (zlib.avail_out > 0 && (zlib.avail_in == 0 || state == Z_BUF_ERROR)) return true;
  }
  return true;
}

}  // namespace keelson::api
