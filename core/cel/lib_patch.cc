// What mutating policies have besides: keys of JSON patches.
#include <string>

#include "core/cel/function.hpp"

namespace keelson::cel {
namespace {

Value escape_key(const Call& call) {
  if (!are(call, {Kind::string})) return no_such_overload(call, "jsonpatch.escapeKey");
  std::string out;
  for (const char c : call[0].view()) {
    if (c == '/') out += "~1";
    else if (c == '~') out += "~0";
    else out += c;
  }
  return call.string(out);
}

constexpr Overload kPatch[] = {{"jsonpatch.escapeKey", "string_jsonpatch_escapeKey_string", "string:string", Cost::scan, escape_key}};

}  // namespace

Library patch_library() { return kPatch; }

}  // namespace keelson::cel
