// Conversion: a kind's objects from one of its versions to another, answered where a definition would name a webhook.
//
//   setup.kind<v2::Website>();
//   setup.converts<v1::Website, v2::Website>([](const v1::Website& from, v2::Website& to) { to.spec.sites = {from.spec.site}; },
//                                            [](const v2::Website& from, v1::Website& to) { to.spec.site = from.spec.sites.at(0); });
//
// Both directions are needed: what is written in one version is stored in another, and everybody reads what they ask for. A function
// gets `to` with the metadata of `from`; of that only labels and annotations are its own to change. It may answer void or a Result;
// a failed one, or an exception, fails the request that needed it.
//
// Invariants: between two versions that no function joins, objects go by way of a third. Threads: workers of the plugin, many at once;
//   reads nothing in versions that need the conversion. Ownership: the plugin's.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>

#include <keelson/codec.hpp>
#include <keelson/hooks.hpp>

namespace keelson {

/// By JSON: `object` becomes what it is in the version `to` ("v2").
using ConvertJson = std::function<Outcome<std::string>(Context& ctx, std::string_view object, std::string_view to)>;

namespace detail {

template <class From, class To, class Function>
ConvertJson typed_conversion(Function function) {
  return [function = std::move(function)](Context&, std::string_view object, std::string_view) -> Outcome<std::string> {
    const auto from = decode<From>(object);
    To to;
    to.meta = from.meta;
    if constexpr (std::is_void_v<std::invoke_result_t<const Function&, const From&, To&>>) {
      function(from, to);
    } else {
      const Result result = function(from, to);
      if (result.kind() != Result::Kind::done) return result.error();
    }
    return encode(to);
  };
}

}  // namespace detail
}  // namespace keelson
