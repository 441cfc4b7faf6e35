#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <random>

#include <keelson/state.hpp>

namespace json = boost::json;

namespace {

json::value random_value(std::mt19937& random, int depth) {
  const auto pick = [&](unsigned n) { return random() % n; };
  switch (pick(depth > 0 ? 8 : 5)) {
    case 0: return nullptr;
    case 1: return pick(2) == 0;
    case 2: return static_cast<std::int64_t>(pick(3));
    case 3: return json::string("text " + std::to_string(pick(3)));
    case 4: return json::string(pick(4) == 0 ? "a \"quote\", a \\ and a \n" : "b{]}[");
    case 5: {
      json::array items;
      for (unsigned i = pick(3); i > 0; --i) items.push_back(random_value(random, depth - 1));
      return items;
    }
    default: {
      json::object members;
      for (unsigned i = pick(5); i > 0; --i) members[std::string(1, static_cast<char>('a' + pick(6)))] = random_value(random, depth - 1);
      return members;
    }
  }
}

json::object random_object(std::mt19937& random) {
  auto value = random_value(random, 4);
  auto object = value.is_object() ? value.get_object() : json::object{{"spec", value}};
  auto metadata = random_value(random, 2);
  auto& held = object["metadata"] = metadata.is_object() ? metadata : json::value(json::object());
  if (random() % 3 != 0) held.get_object()["resourceVersion"] = std::to_string(random() % 100);
  return object;
}

}  // namespace

TEST_CASE("what differs is found in texts as it is in values") {
  std::mt19937 random(7);
  int different = 0;
  for (int i = 0; i < 5'000; ++i) {
    const auto from = random_object(random);
    auto to = random() % 4 == 0 ? random_object(random) : from;
    if (random() % 2 == 0) to[std::string(1, static_cast<char>('a' + random() % 6))] = random_value(random, 2);
    const auto a = json::serialize(from), b = json::serialize(to);
    const auto patch = keelson::detail::modification(a, b), expected = keelson::detail::modification_of_values(a, b);
    INFO(a << "\n" << b << "\n" << patch << "\n" << expected);
    REQUIRE(patch.empty() == expected.empty());
    if (expected.empty()) continue;
    ++different;
    auto got = json::parse(patch), wanted = json::parse(expected);
    if (!got.get_object().contains("metadata") && wanted.at("metadata").get_object().empty()) wanted.get_object().erase("metadata");
    REQUIRE(got == wanted);
  }
  CHECK(different > 1'000);
}

TEST_CASE("an encoded object's key and revision are read without the rest") {
  const std::string text = R"({"kind":"X","spec":{"metadata":{"name":"no"}},"metadata":{"name":"a-\u0062","labels":{"name":"no"},"resourceVersion":"7","namespace":"n"}})";
  CHECK(keelson::detail::key_of(text) == keelson::Key{"n", "a-b"});
  CHECK(keelson::detail::revision_of(text) == "7");
  CHECK(keelson::detail::key_of(R"({"spec":1})") == keelson::Key{});
  CHECK_THROWS(keelson::detail::key_of("[]"));
}
