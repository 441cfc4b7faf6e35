#include "core/store/tree.hpp"

#include <algorithm>
#include <map>
#include <random>

#include "tests/unit/store/support.hpp"

using namespace keelson::store;
using namespace keelson::store::testing;

namespace {

using Model = std::map<std::pair<std::string, std::string>, ObjectRef>;

ObjectRef object_at(const std::string& ns, const std::string& name, Revision revision) { return draft_of(key_of(name, ns), "t").freeze(revision); }

void check_equal(const ObjectTree& tree, const Model& model) {
  REQUIRE(tree.count() == model.size());
  auto expected = model.begin();
  bool equal = true;
  tree.scan("", nullptr, [&](const ObjectRef& object) {
    equal = equal && expected != model.end() && expected->second == object;
    ++expected;
    return equal;
  });
  CHECK(equal);
  CHECK(expected == model.end());
}

}  // namespace

TEST_CASE("a tree made of what is in order is the tree that putting it one by one makes, and takes edits like it") {
  std::mt19937 random(4);
  for (const int count : {0, 1, 31, 32, 33, 1024, 1025, 5000}) {
    Model model;
    for (int i = 0; i < count; ++i) model[{"ns" + std::to_string(i % 3), "n" + std::to_string(i)}] = object_at("ns" + std::to_string(i % 3), "n" + std::to_string(i), 1);
    std::vector<ObjectRef> objects;
    for (const auto& [place, object] : model) objects.push_back(object);
    ObjectTree tree = ObjectTree::of_sorted(objects);
    check_equal(tree, model);
    const ObjectTree copy = tree;
    const Model before = model;
    for (int edit = 0; edit < 3000; ++edit) {
      const std::string ns = "ns" + std::to_string(random() % 3), name = "n" + std::to_string(random() % 5100);
      if (random() % 2 == 0) {
        tree.erase(ns, name);
        model.erase({ns, name});
      } else {
        tree.put(model[{ns, name}] = object_at(ns, name, 2));
      }
    }
    check_equal(tree, model);
    check_equal(copy, before);
    for (const auto& [place, object] : model) CHECK(tree.find(place.first, place.second) == object);
    for (const char* ns : {"ns0", "ns1", "ns2"}) CHECK(tree.count(ns) == static_cast<std::size_t>(std::count_if(model.begin(), model.end(), [&](const auto& each) { return each.first.first == ns; })));
  }
}

TEST_CASE("the tree agrees with a map over random edits, and copies taken on the way do not change") {
  const auto seed = GENERATE(1u, 2u, 3u);
  INFO("seed " << seed);
  std::mt19937 random(seed);
  ObjectTree tree;
  Model model;
  std::vector<std::pair<ObjectTree, Model>> copies;
  for (Revision step = 1; step <= 6000; ++step) {
    const std::string ns = "ns" + std::to_string(random() % 5), name = "n" + std::to_string(random() % 800);
    const bool grow = step < 3000 ? random() % 4 != 0 : random() % 4 == 0;
    const auto known = model.find({ns, name});
    const ObjectRef before = known == model.end() ? nullptr : known->second;
    if (grow) {
      const ObjectRef object = object_at(ns, name, step);
      CHECK(tree.put(object) == before);
      model[{ns, name}] = object;
    } else {
      CHECK(tree.erase(ns, name) == before);
      model.erase({ns, name});
    }
    if (step % 1000 == 0) copies.emplace_back(tree, model);
  }
  check_equal(tree, model);
  for (const auto& [copy, expected] : copies) check_equal(copy, expected);
  std::size_t in_ns2 = 0;
  for (const auto& [place, object] : model) in_ns2 += place.first == "ns2";
  CHECK(tree.count("ns2") == in_ns2);
  for (const auto& [place, object] : model) CHECK(tree.find(place.first, place.second) == object);
}

TEST_CASE("the tree shrinks to nothing and grows again") {
  ObjectTree tree;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 2000; ++i) tree.put(object_at("ns", std::to_string(i), 1));
    const ObjectTree copy = tree;
    for (int i = 0; i < 2000; ++i) REQUIRE(tree.erase("ns", std::to_string(i)));
    CHECK(tree.count() == 0);
    CHECK(copy.count() == 2000);
  }
}

TEST_CASE("a scan starts strictly after a key that need not exist") {
  ObjectTree tree;
  for (int i = 100; i < 900; i += 2) tree.put(object_at("ns", std::to_string(i), 1));
  const auto first_after = [&](const std::string& name) {
    std::string found;
    const Key after = key_of(name, "ns");
    tree.scan("ns", &after, [&](const ObjectRef& object) {
      found = object->key().name;
      return false;
    });
    return found;
  };
  CHECK(first_after("100") == "102");
  CHECK(first_after("101") == "102");
  CHECK(first_after("000") == "100");
  CHECK(first_after("898").empty());
}

TEST_CASE("dropped nodes are freed within the budget, a slice at a time") {
  ObjectTree tree;
  for (int i = 0; i < 3000; ++i) tree.put(object_at("ns", std::to_string(i), 1));
  std::vector<TreeNode*> nodes;
  tree.dismantle(nodes);
  REQUIRE(nodes.size() == 1);
  CHECK(free_some(nodes, 3) == 3);
  CHECK_FALSE(nodes.empty());
  free_some(nodes, static_cast<std::size_t>(-1));
  CHECK(nodes.empty());
}
