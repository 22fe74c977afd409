#include "config/merge.hpp"

#include "config/parse.hpp"
#include "kernels/base/rng.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace freshet::config {
namespace {

value parsed(const std::string& text) {
  problems found("text");
  auto read = parse_toml(text, found);
  EXPECT_TRUE(read.has_value()) << found.as_error().text() << "\n" << text;
  return read.value_or(value{});
}

/// The same values, wherever they stand and in whatever order a table's keys are.
bool same(const value& a, const value& b) {
  if (a.kind != b.kind || a.items.size() != b.items.size()) return false;
  switch (a.kind) {
    case value_kind::boolean: return a.boolean == b.boolean;
    case value_kind::integer: return a.integer == b.integer;
    case value_kind::real:
      return (std::isnan(a.real) && std::isnan(b.real)) ||
             (a.real == b.real && std::signbit(a.real) == std::signbit(b.real));
    case value_kind::text:
    case value_kind::moment: return a.text == b.text;
    case value_kind::list:
      for (std::size_t i = 0; i < a.items.size(); ++i) {
        if (!same(a.items[i], b.items[i])) return false;
      }
      return true;
    case value_kind::table:
      for (std::size_t i = 0; i < a.items.size(); ++i) {
        const value* other = b.find(a.keys[i]);
        if (other == nullptr || !same(a.items[i], *other)) return false;
      }
      return true;
  }
  return false;
}

const std::vector<std::string> keys{"a", "b", "c-d", "with space", "dotted.key", "", "ü", "\"quoted\"", "new\nline"};

value random_value(rng& draw, int depth) {
  value v;
  v.kind = static_cast<value_kind>(draw.below(depth > 0 ? 6 : 4));  // no moments
  switch (v.kind) {
    case value_kind::boolean: v.boolean = draw.below(2) == 1; break;
    case value_kind::integer: v.integer = static_cast<std::int64_t>(draw.next()); break;
    case value_kind::real: {
      const std::vector<double> odd{0.0, -0.0, 1e300, 5e-324, 1.0, std::numeric_limits<double>::infinity(),
                                    -std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()};
      const auto pick = draw.below(odd.size() * 2);
      v.real = pick < odd.size() ? odd[pick] : draw.normal() * 1e6;
      break;
    }
    case value_kind::text:
      for (auto n = draw.below(8); n > 0; --n) v.text += static_cast<char>(draw.below(127) + 1);
      if (draw.below(3) == 0) v.text += "ß→";
      break;
    case value_kind::list:
      for (auto n = draw.below(4); n > 0; --n) v.items.push_back(random_value(draw, depth - 1));
      break;
    default:
      for (const auto& key : keys) {
        if (draw.below(3) != 0) continue;
        v.keys.push_back(key);
        v.key_at.emplace_back();
        v.items.push_back(random_value(draw, depth - 1));
      }
  }
  return v;
}

value random_table(rng& draw) {
  value v;
  do v = random_value(draw, 3);
  while (v.kind != value_kind::table);
  return v;
}

TEST(merge, later_keys_stand_above_earlier_ones_within_tables) {
  const value got = merged(parsed("x = 1\ny = [1, 2]\n[t]\na = 1\nb = 'old'\n[t.deep]\nc = 1\n"),
                           parsed("y = [3]\nz = true\n[t]\nb = 'new'\n[t.deep]\nd = 2\n[u]\ne = 5\n"));
  EXPECT_TRUE(same(got, parsed("x = 1\ny = [3]\nz = true\nt = {a = 1, b = 'new', deep = {c = 1, d = 2}}\nu = {e = 5}")));
}

TEST(merge, what_is_a_table_on_one_side_only_is_replaced_whole) {
  EXPECT_TRUE(same(merged(parsed("t = {a = 1}"), parsed("t = 5")), parsed("t = 5")));
  EXPECT_TRUE(same(merged(parsed("t = 5"), parsed("t = {a = 1}")), parsed("t = {a = 1}")));
}

TEST(merge, places_are_those_of_the_value_that_holds) {
  const value got = merged(parsed("a = 1\nb = 2\n"), parsed("\n\n\nb = 3\n"));
  EXPECT_EQ(got.place_of("a").line, 1U);
  EXPECT_EQ(got.place_of("b").line, 4U);
}

TEST(merge, laws) {
  rng draw(11);
  for (int round = 0; round < 300; ++round) {
    const value a = random_table(draw);
    const value b = random_table(draw);
    const value c = random_table(draw);
    EXPECT_TRUE(same(merged(a, a), a));
    EXPECT_TRUE(same(merged(a, value{}), a));
    EXPECT_TRUE(same(merged(value{}, a), a));
    EXPECT_TRUE(same(merged(merged(a, b), b), merged(a, b)));
    // Not associative where a table is replaced and comes again; but always what is last stands.
    const value all = merged(merged(a, b), c);
    for (std::size_t i = 0; i < c.keys.size(); ++i) {
      const value* held = all.find(c.keys[i]);
      ASSERT_NE(held, nullptr);
      EXPECT_TRUE(c.items[i].kind == value_kind::table || same(*held, c.items[i]));
    }
    for (const auto& key : all.keys) EXPECT_TRUE(a.find(key) || b.find(key) || c.find(key));
  }
}

TEST(to_toml, reads_back_as_the_same_values) {
  rng draw(12);
  for (int round = 0; round < 300; ++round) {
    const value table = random_table(draw);
    const std::string text = to_toml(table);
    EXPECT_TRUE(same(parsed(text), table)) << text;
    EXPECT_EQ(to_toml(parsed(text)), text);
  }
}

TEST(to_toml, keeps_tables_that_hold_nothing_or_only_tables) {
  for (const std::string text : {"[empty]\n", "[a.b.c]\nx = 1\n", "[a]\n[a.b]\n", "x = {}\ny = [{}, {a = 1}]\n",
                                 "t = 2024-05-06T07:08:09Z\nd = [07:08:09]\n"}) {
    EXPECT_TRUE(same(parsed(to_toml(parsed(text))), parsed(text))) << text << to_toml(parsed(text));
  }
  EXPECT_EQ(to_toml(value{}), "");
}

TEST(merge_texts, gives_one_document_of_several) {
  const auto got = merge_texts({"a = 1\n[[nodes]]\nname = 'x'\n", "", "a = 2\nb.c = \"q\\\"\\n\"\n"});
  ASSERT_TRUE(got.ok());
  EXPECT_TRUE(same(parsed(*got), parsed("a = 2\nnodes = [{name = 'x'}]\nb = {c = \"q\\\"\\n\"}\n"))) << *got;
  EXPECT_EQ(*merge_texts({}), "");
}

TEST(merge_texts, names_the_text_that_is_not_toml) {
  const auto got = merge_texts({"a = 1\n", "a = \n"});
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.err().code, errc::config);
  EXPECT_NE(got.err().text().find("text 2:1"), std::string::npos) << got.err().text();
}

}  // namespace
}  // namespace freshet::config
