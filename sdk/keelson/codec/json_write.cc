#include <keelson/codec/json_write.hpp>

namespace keelson::codec {
namespace {

bool needs_escape(char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; }

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
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!needs_escape(text[i])) continue;
    out.append(text.substr(start, i - start));
    append_escaped(out, text[i]);
    start = i + 1;
  }
  out.append(text.substr(start));
  out.push_back('"');
}

}  // namespace keelson::codec
