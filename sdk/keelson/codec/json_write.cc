#include <keelson/codec/json_write.hpp>

#include <keelson/codec/json_scan.hpp>

namespace keelson::codec {
namespace {

void append_escaped(std::string& out, char c) {
  static constexpr std::string_view kValues = "\"\\\b\f\n\r\t", kNames = "\"\\bfnrt", kHex = "0123456789abcdef";
  out.push_back('\\');
  if (const auto found = kValues.find(c); found != std::string_view::npos) return out.push_back(kNames[found]);
  out.append("u00");
  out.push_back(kHex[static_cast<unsigned char>(c) >> 4]);
  out.push_back(kHex[c & 15]);
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
  out.push_back('"');
  const char* const end = text.data() + text.size();
  for (const char* at = text.data();; ++at) {
    const char* special = find_special(at, end);
    out.append(at, special);
    if (special == end) break;
    append_escaped(out, *special);
    at = special;
  }
  out.push_back('"');
}

}  // namespace keelson::codec
