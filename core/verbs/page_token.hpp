// PageToken: where a paged list goes on: base64url of JSON with the revision of its first page and the last key shown.
//
// Invariants: a token that decodes names a key below the collection: no traversal, no other version's form.
// Errors: 400 with upstream's text. Threads: any, pure.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace keelson::verbs {

struct PageToken {
  std::int64_t revision = 0;   ///< -1: go on at the latest state, inconsistent with the pages before
  std::string after;           ///< last key shown: "name" in one namespace, "namespace/name" over all
  std::int64_t left = -1;      ///< objects after it at that revision, -1 = not counted
};

std::string encode_page_token(const PageToken& token);
base::Outcome<PageToken> decode_page_token(std::string_view text);

}  // namespace keelson::verbs
