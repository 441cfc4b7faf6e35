// AES-GCM for values at rest: a random 96-bit nonce in front of each, a 128-bit tag behind it.
//
// Invariants: open() answers nothing unless key, place and every byte are those of seal(). A key is good for 2^32 values.
// Threads: any, stateless but for the runtime's randomness.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "core/base/runtime.hpp"

namespace keelson::store {

inline constexpr std::size_t kAesKeyBytes[] = {16, 24, 32};

std::string aes_gcm_seal(std::string_view key, std::string_view associated, std::string_view plain, base::Runtime& runtime);
std::optional<std::string> aes_gcm_open(std::string_view key, std::string_view associated, std::string_view sealed);

}  // namespace keelson::store
