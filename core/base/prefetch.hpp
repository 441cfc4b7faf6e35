// Prefetch: text that is read soon.
//
// Threads: any. Errors: none, whatever the address.
#pragma once
#include <cstddef>
#include <string_view>

namespace keelson::base {

/// The processor follows a text that it has begun to read; to where the next one begins it is led.
inline void expect_text(std::string_view text) {
  constexpr std::size_t kLine = 64, kLines = 4;
  for (std::size_t at = 0; at < kLines * kLine && at < text.size(); at += kLine) __builtin_prefetch(text.data() + at);
}

}  // namespace keelson::base
