// Base64 as Go's standard encoding: padded, line breaks ignored.
//
// Threads: any, stateless.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace keelson::base {

std::string base64_encode(std::string_view bytes);
/// Empty, with `fault_at` the offset of the first wrong byte, when `text` is no base64.
std::optional<std::string> base64_decode(std::string_view text, std::size_t* fault_at = nullptr);
/// Number of bytes that `text`, valid base64, stands for.
std::size_t base64_decoded_size(std::string_view text);

}  // namespace keelson::base
