// Together: how much a plugin may submit at once (submit_each), in whichever host it runs.
//
// Threads: any, stateless. Errors: 413.
#pragma once
#include <optional>
#include <span>

#include "core/base/error.hpp"
#include "sdk/abi/keelson_plugin.h"

namespace keelson::plugins {

inline std::optional<base::Error> too_many_together(std::span<const keelson_write> writes) {
  std::size_t bytes = 0;
  for (const auto& write : writes) bytes += write.body.size;
  if (writes.size() <= KEELSON_TOGETHER_MAX && bytes <= KEELSON_TOGETHER_BYTES_MAX) return std::nullopt;
  return base::request_too_large("at most " + std::to_string(KEELSON_TOGETHER_MAX) + " writes of " + std::to_string(KEELSON_TOGETHER_BYTES_MAX >> 20) + " MiB are submitted together");
}

}  // namespace keelson::plugins
