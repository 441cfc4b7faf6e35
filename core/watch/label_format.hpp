// What a label key and a label value look like, with upstream's words for what is wrong about one.
//
// Invariants: empty answer = valid. Threads: any, pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace keelson::watch {

inline constexpr std::size_t kLabelPartBytesMax = 63;
inline constexpr std::size_t kSubdomainBytesMax = 253;

/// What is wrong with `[prefix/]name` as a label key.
std::vector<std::string> label_key_faults(std::string_view key);
/// What is wrong with a label's value.
std::vector<std::string> label_value_faults(std::string_view value);

}  // namespace keelson::watch
