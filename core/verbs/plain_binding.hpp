// A binding as schedulers send it, thousands a second: read where it stands, without a document.
//
// Invariants: what is read is what kinds::decode() makes of the text, without a complaint. Whatever has something more in it or is
//   written in another way (white space, escapes, a name twice) is answered with nullopt: then it has to be decoded.
// Threads: any, stateless. Ownership: views into the text. Errors: none.
#pragma once
#include <optional>
#include <string_view>

namespace keelson::verbs {

struct PlainBinding {
  std::string_view name, ns, uid;          ///< of its metadata; empty: absent
  std::string_view target_kind, target_name;
};
std::optional<PlainBinding> read_plain_binding(std::string_view body);

}  // namespace keelson::verbs
