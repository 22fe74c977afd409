// Scores of the answer: closed forms, brute force in long double, fast against reference.
#include "kernels/uncertainty/confidence.hpp"
#include "kernels/uncertainty/entropy.hpp"
#include "kernels/uncertainty/gen.hpp"
#include "kernels/uncertainty/margin.hpp"
#include "kernels/uncertainty/scores.hpp"
#include "tests/kernels/uncertainty/score_fixture.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

namespace freshet::uncertainty {
namespace {

using row_kernel = void (*)(const float*, std::size_t, std::size_t, float*);

struct family {
  const char* name;
  row_kernel reference;
  void (*fast)(const float*, std::size_t, std::size_t, float*, instruction_set);
  float absolute;
  float relative;
};

void min_entropy_reference_1(const float* z, std::size_t n, std::size_t v, float* o) {
  min_entropy_rows_reference(z, n, v, 1.0f, o);
}
void min_entropy_fast_1(const float* z, std::size_t n, std::size_t v, float* o, instruction_set s) {
  min_entropy_rows(z, n, v, 1.0f, o, s);
}
void confidence_reference(const float* z, std::size_t n, std::size_t v, float* o) {
  min_entropy_rows_reference(z, n, v, 0.1f, o);
}
void confidence_fast(const float* z, std::size_t n, std::size_t v, float* o, instruction_set s) {
  min_entropy_rows(z, n, v, 0.1f, o, s);
}
void gen_reference(const float* z, std::size_t n, std::size_t v, float* o) {
  gen_rows_reference(z, n, v, 0.1f, 100, o);
}
void gen_fast(const float* z, std::size_t n, std::size_t v, float* o, instruction_set s) {
  gen_rows(z, n, v, 0.1f, 100, o, s);
}
void gen_top7_reference(const float* z, std::size_t n, std::size_t v, float* o) {
  gen_rows_reference(z, n, v, 0.1f, 7, o);
}
void gen_top7_fast(const float* z, std::size_t n, std::size_t v, float* o, instruction_set s) {
  gen_rows(z, n, v, 0.1f, 7, o, s);
}

const family families[] = {
    {"min_entropy", min_entropy_reference_1, min_entropy_fast_1, confidence_tolerance, confidence_tolerance},
    {"confidence", confidence_reference, confidence_fast, confidence_tolerance, confidence_tolerance},
    {"entropy", entropy_rows_reference, entropy_rows, entropy_tolerance, entropy_tolerance},
    {"margin", margin_rows_reference, margin_rows, margin_tolerance, 0.0f},
    {"gen", gen_reference, gen_fast, gen_tolerance, gen_tolerance},
    {"gen_top7", gen_top7_reference, gen_top7_fast, gen_tolerance, gen_tolerance},
};

TEST(answer_scores, fast_agrees_with_reference_over_odd_widths_and_peakedness) {
  rng g(11);
  for (const family& f : families) {
    for (std::size_t width : odd_widths) {
      for (double deviation : {0.01, 1.0, 6.0, 40.0}) {
        const std::size_t rows = 5;
        const std::vector<float> z = normal_rows(g, rows * width, deviation, 3.0);
        std::vector<float> expected(rows), got(rows);
        f.reference(z.data(), rows, width, expected.data());
        for (instruction_set set : instruction_sets()) {
          f.fast(z.data(), rows, width, got.data(), set);
          for (std::size_t r = 0; r < rows; ++r) {
            EXPECT_NEAR(got[r], expected[r], f.absolute + f.relative * expected[r])
                << f.name << " width " << width << " deviation " << deviation;
          }
        }
      }
    }
  }
}

/// One row of extreme words, by every score and build.
void expect_as_reference(const std::vector<float>& row, const std::string& what) {
  for (const family& f : families) {
    float expected = 0;
    f.reference(row.data(), 1, row.size(), &expected);
    for (instruction_set set : instruction_sets()) {
      float got = 0;
      f.fast(row.data(), 1, row.size(), &got, set);
      EXPECT_NEAR(got, expected, 4 * (f.absolute + f.relative * expected)) << f.name << " width " << row.size() << " " << what;
    }
  }
}

// The selection of the largest words goes by the maxima of columns: few words left, whole columns
// without one, and many equal ones must not mislead it.
TEST(answer_scores, rows_of_few_words_and_of_equal_words) {
  const float no = -std::numeric_limits<float>::infinity();
  rng g(14);
  for (const std::size_t width : {std::size_t{1023}, std::size_t{3077}, std::size_t{9000}}) {
    for (const double left : {0.5, 0.02, 0.005}) {
      std::vector<float> z = normal_rows(g, width, 4.0);
      for (float& word : z) {
        if (g.uniform() > left) word = no;
        word = std::round(word);
      }
      z[width / 3] = 1.0F;
      expect_as_reference(z, "left " + std::to_string(left));
    }
  }
}

TEST(answer_scores, zeros_of_both_signs_are_one_maximum) {
  for (const std::size_t width : {std::size_t{3}, std::size_t{40}, std::size_t{2000}, std::size_t{9000}}) {
    std::vector<float> z(width, -20.0f);
    z[0] = -0.0f;
    z[width / 2] = 0.0f;
    for (const bool other_way : {false, true}) {
      if (other_way) std::swap(z[0], z[width / 2]);
      expect_as_reference(z, other_way ? "-0 later" : "-0 first");
    }
  }
}

TEST(answer_scores, a_row_without_any_word_has_no_score) {
  for (const std::size_t width : {std::size_t{1}, std::size_t{5}, std::size_t{16}, std::size_t{1040}, std::size_t{9000}}) {
    const std::vector<float> z(width, -std::numeric_limits<float>::infinity());
    for (const family& f : families) {
      for (instruction_set set : instruction_sets()) {
        float got = 0;
        f.fast(z.data(), 1, width, &got, set);
        EXPECT_TRUE(std::isnan(got)) << f.name << " width " << width << ": " << got;
      }
    }
  }
}

TEST(answer_scores, ties_and_minus_infinity) {
  const float no = -std::numeric_limits<float>::infinity();
  for (std::size_t width : odd_widths) {
    if (width < 3) continue;
    std::vector<float> z(width, no);
    z[0] = z[width - 1] = z[width / 2] = 2.5f;  // three words share everything
    expect_as_reference(z, "three words");
    float h = 0;
    entropy_rows(z.data(), 1, width, &h);
    EXPECT_NEAR(h, std::log(3.0), 1e-5);
  }
}

TEST(answer_scores, uniform_rows_have_closed_forms) {
  for (std::size_t width : odd_widths) {
    const std::vector<float> z(width, -1.25f);
    const auto n = static_cast<double>(width);
    float v = 0;
    entropy_rows(z.data(), 1, width, &v);
    EXPECT_NEAR(v, std::log(n), 1e-5);
    min_entropy_rows(z.data(), 1, width, 0.1f, &v);
    EXPECT_NEAR(v, std::log(n), 1e-5);
    margin_rows(z.data(), 1, width, &v);
    EXPECT_NEAR(v, width > 1 ? 1.0 : 0.0, 1e-6);
    gen_rows(z.data(), 1, width, 0.1f, 4000, &v);
    EXPECT_NEAR(v, width > 1 ? n * std::pow((1 / n) * (1 - 1 / n), 0.1) : 0.0, 1e-4 * n);
  }
}

TEST(answer_scores, two_words_have_closed_forms) {
  for (double gap : {0.0, 0.01, 0.5, 2.0, 9.0}) {
    const std::vector<float> z = {1.0f, static_cast<float>(1.0 + gap)};
    const double p = 1.0 / (1.0 + std::exp(-gap));
    float v = 0;
    entropy_rows(z.data(), 1, 2, &v);
    EXPECT_NEAR(v, -p * std::log(p) - (1 - p) * std::log(1 - p), 1e-5);
    margin_rows(z.data(), 1, 2, &v);
    EXPECT_NEAR(v, 1 - (2 * p - 1), 1e-6);
    gen_rows(z.data(), 1, 2, 0.1f, 2, &v);
    EXPECT_NEAR(v, 2 * std::pow(p * (1 - p), 0.1), 1e-5);
    gen_rows(z.data(), 1, 2, 0.1f, 1, &v);
    EXPECT_NEAR(v, std::pow(p * (1 - p), 0.1), 1e-5);
  }
}

// The identity of methods 1.1: -log max p = log(1 + sum exp(-10 gap)) at T = 0.1.
TEST(answer_scores, confidence_is_a_near_tie_test) {
  rng g(13);
  for (int trial = 0; trial < 50; ++trial) {
    const std::vector<float> z = normal_rows(g, 40, 0.3);
    const float best = *std::max_element(z.begin(), z.end());
    double sum = 0;
    int tops = 0;
    for (float x : z) {
      if (x == best && tops++ == 0) continue;
      sum += std::exp(-10.0 * (static_cast<double>(best) - x));
    }
    float v = 0;
    min_entropy_rows(z.data(), 1, z.size(), 0.1f, &v);
    EXPECT_NEAR(v, std::log1p(sum), 1e-5 * (1 + v));
  }
}

TEST(answer_scores, confident_rows_keep_their_order) {
  // Far below float's 1e-7 around 1: the maximum is kept apart from the rest.
  float last = 0;
  for (float gap : {40.0f, 30.0f, 25.0f, 20.0f}) {
    const std::vector<float> z = {gap, 0.0f, 0.0f};
    float v = 0;
    min_entropy_rows(z.data(), 1, 3, 1.0f, &v);
    EXPECT_GT(v, last);
    EXPECT_NEAR(v / (2 * std::exp(-static_cast<double>(gap))), 1.0, 1e-4);
    last = v;
  }
}

TEST(answer_scores, invariant_under_shift_and_order) {
  rng g(14);
  std::vector<float> z = normal_rows(g, 77, 2.0);
  std::vector<float> moved = z;
  for (float& x : moved) x += 8.0f;
  std::vector<float> shuffled = z;
  g.shuffle(shuffled);
  for (const family& f : families) {
    float a = 0, b = 0, c = 0;
    f.fast(z.data(), 1, z.size(), &a, best_instruction_set());
    f.fast(moved.data(), 1, z.size(), &b, best_instruction_set());
    f.fast(shuffled.data(), 1, z.size(), &c, best_instruction_set());
    EXPECT_NEAR(a, b, 3e-5 * (1 + a)) << f.name;
    EXPECT_NEAR(a, c, 3e-5 * (1 + a)) << f.name;
  }
}

TEST(answer_scores, product_grows_with_length_and_the_mean_does_not) {
  rng g(15);
  const std::vector<float> one = normal_rows(g, 20, 0.2);
  std::vector<float> four;
  for (int i = 0; i < 4; ++i) four.insert(four.end(), one.begin(), one.end());
  const score_context context;
  sample_view a, b;
  a.logits = one.data();
  a.positions = 1;
  a.vocabulary = b.vocabulary = 20;
  b.logits = four.data();
  b.positions = 4;
  EXPECT_NEAR(confidence_product(b, context, g), 4 * confidence_product(a, context, g), 1e-4);
  EXPECT_NEAR(confidence_mean(b, context, g), confidence_mean(a, context, g), 1e-5);
  EXPECT_NEAR(min_entropy(b, context, g), min_entropy(a, context, g), 1e-5);
  EXPECT_NEAR(entropy(b, context, g), entropy(a, context, g), 1e-5);
  EXPECT_NEAR(margin(b, context, g), margin(a, context, g), 1e-5);
  EXPECT_NEAR(gen(b, context, g), gen(a, context, g), 1e-4);
}

TEST(answer_scores, the_paper_threshold_is_log_two) {
  // Two words tied, nothing else: confidence exactly one half.
  const std::vector<float> z = {1.0f, 1.0f, -9.0f};
  rng g(1);
  sample_view view;
  view.logits = z.data();
  view.positions = 1;
  view.vocabulary = 3;
  EXPECT_NEAR(confidence_product(view, {}, g), std::log(2.0), 1e-6);
}

TEST(lanes, exponential_within_its_bound) {
  double worst = 0;
  for (double x = -86.9; x < 80; x += 0.01371) {
    const auto exact = std::exp(static_cast<double>(static_cast<float>(x)));
    float got[lane_count];
    exponential(lanes<16>::all(static_cast<float>(x))).store(got);
    worst = std::max(worst, std::abs(static_cast<double>(got[3]) / exact - 1.0) / (5e-7 + 1e-7 * std::abs(x)));
  }
  EXPECT_LT(worst, 1.0);
  float far[lane_count];
  exponential(lanes<16>::all(-1e30f)).store(far);
  EXPECT_NEAR(far[0], 0.0f, 2e-38f);
}

TEST(lanes, logarithm_within_its_bound) {
  double worst = 0;
  for (double e = -30; e < 0; e += 0.00917) {
    const auto x = static_cast<float>(std::pow(10.0, e));
    float got[lane_count];
    logarithm(lanes<16>::all(x)).store(got);
    const double exact = std::log(static_cast<double>(x));
    worst = std::max(worst, std::abs(static_cast<double>(got[5]) - exact) / std::max(1.0, std::abs(exact)));
  }
  EXPECT_LT(worst, 3e-7);
}

}  // namespace
}  // namespace freshet::uncertainty
