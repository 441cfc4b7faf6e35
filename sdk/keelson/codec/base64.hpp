// Base64 with padding (RFC 4648), as JSON carries binary data.
//
// Threads: any, pure.
#pragma once
#include <string>
#include <string_view>

namespace keelson::codec {

/// Appends the bytes; line breaks are skipped, as Go does. False: `text` is no base64, and what was appended is worthless.
bool decode_base64(std::string_view text, std::string& bytes);
void append_base64(std::string& out, std::string_view bytes);

}  // namespace keelson::codec
