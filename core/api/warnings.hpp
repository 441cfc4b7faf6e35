// Warnings of a request as headers of its answer.
#pragma once
#include <span>

#include "core/http/http.hpp"

namespace keelson::api {

/// Characters of all warnings of an answer that may stay whole, and of each when they are more (source: upstream's warning recorder).
/// Clients and proxies refuse an answer whose headers are much longer.
inline constexpr std::size_t kWarningsTotalMax = 4096;
inline constexpr std::size_t kWarningShortenedMax = 256;

/// Appends a `Warning: 299` for each different text, in their order. Beyond kWarningsTotalMax each is shortened, and what then is too much left out.
void append_warnings(http::Headers& headers, std::span<const std::string> texts);

}  // namespace keelson::api
