// A tiny student and a made-up teacher whose rule it can learn: what moves, what must not, and what
// a restart keeps.
#include "kernels/distill/learner.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "tests/kernels/distill/support.hpp"

namespace freshet::distill {
namespace {

constexpr std::int64_t teacher_width = 6;

/// The made-up rule: four questions, dark or bright pictures, a word for each pair.
sample_handle labelled(rng& draw, bool logits, bool features, std::size_t cells) {
  auto s = std::make_shared<labelled_sample>();
  const auto question = static_cast<std::int32_t>(draw.below(4));
  const bool bright = draw.chance(0.5);
  std::vector<std::uint8_t> bytes(cells * tiny_patch_bytes);
  for (auto& b : bytes) b = static_cast<std::uint8_t>((bright ? 160 : 0) + draw.below(90));
  s->patches = host_tensor::of(std::move(bytes), {static_cast<std::int64_t>(cells), tiny_patch_bytes});
  s->positions = some_cells(draw, cells);
  s->prompt = {4, 5 + question};
  const std::int32_t word = 20 + 2 * question + (bright ? 1 : 0);
  s->answer = {word, tiny_end};
  if (logits) {
    s->topk_ids = {word, 30, tiny_end, 31};
    s->topk_log_probs = {std::log(0.9F), std::log(0.06F), std::log(0.95F), std::log(0.03F)};
    s->rest_mass = {0.04F, 0.02F};
  }
  if (features) {
    std::vector<float> visual(cells * teacher_width);
    for (float& x : visual) x = static_cast<float>(draw.normal());
    std::vector<float> hidden(2 * teacher_width);
    for (float& x : hidden) x = static_cast<float>(draw.normal());
    s->teacher_visual = host_tensor::of(std::move(visual), {static_cast<std::int64_t>(cells), teacher_width});
    s->teacher_hidden = host_tensor::of(std::move(hidden), {2, teacher_width});
  }
  return s;
}

struct sample_kind {
  bool logits = true;
  bool features = false;
};

void feed(learner& l, int count, sample_kind kind = {}, std::uint64_t seed = 9) {
  rng draw(seed);
  for (int i = 0; i < count; ++i) {
    // Logits and features come from a generator of their own, so that kinds differ in nothing else.
    rng own = draw.split(static_cast<std::uint64_t>(i));
    const std::size_t cells = 6 + own.below(8);
    ASSERT_TRUE(l.add(labelled(own, kind.logits, kind.features, cells)));
  }
}

learner_options quick() {
  learner_options o;
  o.learning_rate = 1e-2;
  o.final_learning_rate = 1e-2;
  o.warm_up_steps = 2;
  o.batch = 16;
  o.mix = {0, 0};
  return o;
}

/// A source sample: labelled by the rule, all cells, no logits.
sample_handle source_sample(rng& draw) { return labelled(draw, false, false, tiny_cells); }

learner make(const learner_options& options) { return {tiny_student(), options, teacher_width}; }

double distance(const host_tensor& a, const host_tensor& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.items(); ++i) {
    const double d = static_cast<double>(a.as<float>()[i]) - static_cast<double>(b.as<float>()[i]);
    sum += d * d;
  }
  return std::sqrt(sum);
}

double largest_step(const host_tensor& a, const host_tensor& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.items(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(a.as<float>()[i]) - static_cast<double>(b.as<float>()[i])));
  }
  return largest;
}

host_tensor shifted(const host_tensor& values, float by) {
  std::vector<float> moved(values.as<float>(), values.as<float>() + values.items());
  for (float& x : moved) x += by;
  return host_tensor::of(std::move(moved));
}

TEST(learner, learns_what_the_teacher_says) {
  learner l = make(quick());
  feed(l, 64);
  double first_loss = 0;
  double first_agreement = 0;
  double last_loss = 0;
  double last_agreement = 0;
  constexpr int steps = 60;
  constexpr int edge = 5;
  for (int i = 0; i < steps; ++i) {
    const step_report r = l.step();
    ASSERT_FALSE(r.skipped);
    EXPECT_GT(r.gradient_norm, 0);
    if (i < edge) first_loss += r.loss / edge;
    if (i < edge) first_agreement += r.agreement / edge;
    if (i >= steps - edge) last_loss += r.loss / edge;
    if (i >= steps - edge) last_agreement += r.agreement / edge;
  }
  EXPECT_EQ(l.steps(), steps);
  EXPECT_LT(last_loss, 0.5 * first_loss);
  EXPECT_GT(last_agreement, first_agreement + 0.3);
}

TEST(learner, changes_the_trainable_set_alone) {
  const model::multimodal before = tiny_student();
  learner_options options = quick();
  options.visual_qkd = 0.1;
  options.hidden_qkd = 0.1;
  learner l = make(options);
  feed(l, 24, {true, true});
  for (int i = 0; i < 20; ++i) ASSERT_FALSE(l.step().skipped);
  int moved = 0;
  int frozen = 0;
  for (const auto& [name, value] : l.student().weights().all()) {
    const bool same = value.detach().equal(before.weights().at(name));
    if (!model::is_trainable(name)) {
      EXPECT_TRUE(same) << name;
      ++frozen;
    } else {
      moved += same ? 0 : 1;
    }
  }
  EXPECT_GT(frozen, 10);
  // Key biases have no gradient in exact arithmetic; nearly all others must have moved.
  EXPECT_GT(moved, static_cast<int>(l.trainable().tensors().size()) * 9 / 10);
}

TEST(learner, a_term_without_weight_has_no_effect) {
  learner_options options = quick();
  options.logit_kd = 0;
  learner plain = make(options);
  feed(plain, 20, {false, false});
  learner loaded = make(options);
  feed(loaded, 20, {true, true});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(plain.step().loss, loaded.step().loss);
    EXPECT_EQ(plain.values(), loaded.values());
  }
}

TEST(learner, each_term_alone_moves_the_student) {
  std::map<std::string, learner_options> terms;
  learner_options none = quick();
  none.pseudo_label = 0;
  none.logit_kd = 0;
  terms["pseudo_label"] = none;
  terms["pseudo_label"].pseudo_label = 1;
  terms["logit_kd"] = none;
  terms["logit_kd"].logit_kd = 1;
  terms["visual_qkd"] = none;
  terms["visual_qkd"].visual_qkd = 1;
  terms["hidden_qkd"] = none;
  terms["hidden_qkd"].hidden_qkd = 1;
  for (const auto& [name, options] : terms) {
    learner l = make(options);
    const host_tensor start = l.values();
    feed(l, 16, {true, true});
    double first = 0;
    double last = 0;
    for (int i = 0; i < 12; ++i) {
      const step_report r = l.step();
      ASSERT_FALSE(r.skipped) << name;
      (i == 0 ? first : last) = r.loss;
    }
    EXPECT_LT(last, first) << name;
    EXPECT_NE(l.values(), start) << name;
  }
}

TEST(learner, a_step_without_any_term_changes_nothing) {
  learner_options nothing = quick();
  nothing.pseudo_label = 0;
  nothing.logit_kd = 0;
  // Features are wanted, but the samples bring none.
  learner_options features = nothing;
  features.visual_qkd = 1;
  features.hidden_qkd = 1;
  for (const learner_options& options : {nothing, features}) {
    learner l = make(options);
    feed(l, 8);
    const host_tensor start = l.values();
    EXPECT_TRUE(l.step().skipped);
    EXPECT_EQ(l.values(), start);
    EXPECT_EQ(l.steps(), 0);
  }
}

TEST(learner, samples_with_and_without_logits_share_a_batch) {
  learner_options options = quick();
  options.pseudo_label = 0;
  learner mixed = make(options);
  feed(mixed, 8, {true, false});
  feed(mixed, 8, {false, false}, 77);
  learner pure = make(options);
  feed(pure, 8, {true, false});
  // Samples without logits have no say in the distillation term.
  EXPECT_NEAR(mixed.step().loss, pure.step().loss, 1e-5);
}

TEST(learner, weights_of_samples_count) {
  const auto first_loss = [](float weight_of_second) {
    learner_options options = quick();
    options.logit_kd = 0;
    options.batch = 2;
    learner l = make(options);
    rng draw(4);
    for (int i = 0; i < 2; ++i) {
      rng own = draw.split(static_cast<std::uint64_t>(i));
      auto s = std::make_shared<labelled_sample>(*labelled(own, false, false, 8));
      if (i == 1) s->weight = weight_of_second;
      EXPECT_TRUE(l.add(s));
    }
    return l.step().loss;
  };
  const double a = first_loss(0);
  const double both = first_loss(1);
  const double heavy = first_loss(3);
  const double b = 2 * both - a;
  EXPECT_NEAR(heavy, (a + 3 * b) / 4, 1e-5);
}

TEST(learner, skips_what_is_not_finite) {
  learner_options options = quick();
  options.anchor = anchor_kind::ema;
  options.anchor_weight = 0.1;
  learner l = make(options);
  feed(l, 16);
  ASSERT_FALSE(l.step().skipped);
  const host_tensor good = l.values();
  const host_tensor bad = shifted(good, std::numeric_limits<float>::infinity());
  ASSERT_TRUE(l.write(bad).ok());
  const auto saved = l.save_optimiser();
  EXPECT_TRUE(l.step().skipped);
  EXPECT_EQ(l.values(), bad);
  EXPECT_EQ(l.steps(), 1);
  EXPECT_EQ(l.save_optimiser(), saved);
  ASSERT_TRUE(l.write(good).ok());
  EXPECT_FALSE(l.step().skipped);
  EXPECT_EQ(l.steps(), 2);
}

TEST(learner, refuses_and_counts_samples_that_do_not_fit) {
  learner_options options = quick();
  options.hidden_qkd = 1;
  learner l = make(options);
  rng draw(1);
  auto wrong_cell = std::make_shared<labelled_sample>(*labelled(draw, true, true, 8));
  wrong_cell->positions[7] = tiny_cells;
  EXPECT_FALSE(l.add(wrong_cell));
  auto wrong_width = std::make_shared<labelled_sample>(*labelled(draw, true, true, 8));
  wrong_width->teacher_hidden = host_tensor::of(std::vector<float>(10, 0.0F), {2, teacher_width - 1});
  EXPECT_FALSE(l.add(wrong_width));
  EXPECT_TRUE(l.memory().empty());
  EXPECT_TRUE(l.add(labelled(draw, true, true, 8)));
  l.set_source({wrong_cell, labelled(draw, true, false, 8), wrong_width});
  EXPECT_EQ(l.memory().source_size(), 1U);
  EXPECT_EQ(l.refused(), 4U);
}

/// One sample makes every batch the same, whatever was drawn before.
learner_options restartable() {
  learner_options o = quick();
  o.visual_qkd = 0.3;
  o.hidden_qkd = 0.3;
  o.anchor = anchor_kind::ema;
  o.anchor_weight = 0.1;
  o.ema_decay = 0.7;
  o.batch = 4;
  return o;
}

TEST(learner, a_restored_one_goes_on_bit_by_bit) {
  learner original = make(restartable());
  feed(original, 1, {true, true});
  for (int i = 0; i < 3; ++i) ASSERT_FALSE(original.step().skipped);
  learner_options options = restartable();
  options.seed = 99;  // other alignment layers until restored
  learner restored = make(options);
  feed(restored, 1, {true, true});
  ASSERT_TRUE(restored.write(original.values()).ok());
  ASSERT_TRUE(restored.restore_optimiser(original.save_optimiser()).ok());
  EXPECT_EQ(restored.steps(), 3);
  for (int i = 0; i < 3; ++i) {
    const step_report a = original.step();
    const step_report b = restored.step();
    EXPECT_EQ(a.loss, b.loss) << i;
    EXPECT_EQ(a.gradient_norm, b.gradient_norm) << i;
    EXPECT_EQ(original.values(), restored.values()) << i;
  }
}

TEST(learner, a_failed_restore_changes_nothing) {
  learner l = make(restartable());
  feed(l, 1, {true, true});
  ASSERT_FALSE(l.step().skipped);
  const auto good = l.save_optimiser();
  ASSERT_TRUE(l.restore_optimiser(good).ok());
  ASSERT_FALSE(l.step().skipped);
  const auto now = l.save_optimiser();
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto missing = good;
    missing.erase(missing.begin() + static_cast<std::ptrdiff_t>(i));
    ASSERT_FALSE(l.restore_optimiser(missing).ok()) << good[i].first;
    auto misshapen = good;
    misshapen[i].second = host_tensor::of(std::vector<float>(good[i].second.items() + 1, 0.0F));
    ASSERT_FALSE(l.restore_optimiser(misshapen).ok()) << good[i].first;
    // Twice one name instead of another must not pass for complete.
    auto twice = good;
    twice[i] = good[(i + 1) % good.size()];
    ASSERT_FALSE(l.restore_optimiser(twice).ok()) << good[i].first;
  }
  EXPECT_EQ(l.save_optimiser(), now);
  ASSERT_TRUE(l.restore_optimiser(good).ok());
  EXPECT_EQ(l.save_optimiser(), good);
}

TEST(learner, importance_is_the_mean_square_gradient) {
  learner_options options = quick();
  options.optimiser.clip = 0;
  learner l = make(options);
  feed(l, 16);
  const host_tensor before = l.importance();
  ASSERT_EQ(before.items(), l.trainable().size());
  for (std::size_t i = 0; i < before.items(); ++i) EXPECT_EQ(before.as<float>()[i], 0);
  const step_report r = l.step();
  const host_tensor after = l.importance();
  double sum = 0;
  for (std::size_t i = 0; i < after.items(); ++i) {
    EXPECT_GE(after.as<float>()[i], 0);
    sum += static_cast<double>(after.as<float>()[i]);
  }
  // After one step the mean holds (1 - beta2) g², whose sum is the norm of the gradient.
  EXPECT_NEAR(sum, (1 - options.optimiser.beta2) * r.gradient_norm * r.gradient_norm, 1e-4 * sum);
}

TEST(learner, l2sp_pulls_toward_the_base) {
  learner_options options = quick();
  options.pseudo_label = 0;
  options.logit_kd = 0;
  options.anchor = anchor_kind::l2sp;
  options.anchor_weight = 1;
  options.optimiser.weight_decay = 0;
  learner l = make(options);
  feed(l, 4);
  const host_tensor base = l.values();
  ASSERT_TRUE(l.write(shifted(base, 0.2F)).ok());
  double before = distance(l.values(), base);
  for (int i = 0; i < 10; ++i) {
    ASSERT_FALSE(l.step().skipped);
    const double now = distance(l.values(), base);
    EXPECT_LT(now, before);
    before = now;
  }
  // Against the labels it holds the student back.
  learner_options free = quick();
  learner_options held = quick();
  held.anchor = anchor_kind::l2sp;
  held.anchor_weight = 100;
  learner a = make(free);
  learner b = make(held);
  feed(a, 16);
  feed(b, 16);
  for (int i = 0; i < 15; ++i) {
    a.step();
    b.step();
  }
  EXPECT_LT(distance(b.values(), base), 0.3 * distance(a.values(), base));
}

TEST(learner, ema_follows_the_student_and_pulls) {
  learner_options options = quick();
  options.pseudo_label = 0;
  options.logit_kd = 0;
  options.anchor = anchor_kind::ema;
  options.anchor_weight = 1;
  options.optimiser.weight_decay = 0;
  const auto distance_after = [&](double decay, anchor_kind kind) {
    learner_options o = options;
    o.ema_decay = decay;
    o.anchor = kind;
    learner l = make(o);
    feed(l, 4);
    const host_tensor base = l.values();
    EXPECT_TRUE(l.write(shifted(base, 0.2F)).ok());
    for (int i = 0; i < 15; ++i) EXPECT_FALSE(l.step().skipped);
    return distance(l.values(), base);
  };
  // A mean that never moves is the base; one that moves lets the student stay nearer to where it is.
  const double fixed = distance_after(1, anchor_kind::ema);
  EXPECT_EQ(fixed, distance_after(1, anchor_kind::l2sp));
  EXPECT_GT(distance_after(0.5, anchor_kind::ema), 1.2 * fixed);

  // After one step the mean is decay · start + (1 - decay) · student.
  options.pseudo_label = 1;
  options.ema_decay = 0.75;
  learner l = make(options);
  feed(l, 4);
  const host_tensor start = l.values();
  ASSERT_FALSE(l.step().skipped);
  const host_tensor moved = l.values();
  for (const auto& [name, mean] : l.save_optimiser()) {
    if (name != "anchor.ema.0") continue;
    for (std::size_t i = 0; i < mean.items(); ++i) {
      EXPECT_NEAR(mean.as<float>()[i], 0.75F * start.as<float>()[i] + 0.25F * moved.as<float>()[i], 1e-6);
    }
    return;
  }
  ADD_FAILURE() << "no anchor.ema.0 is saved";
}

TEST(learner, the_rate_warms_up_and_falls_along_the_refresh) {
  // The first step of Adam moves the values by the rate.
  const auto first_step = [](std::int64_t warm_up, double progress) {
    learner_options o = quick();
    o.optimiser.weight_decay = 0;
    o.learning_rate = 8e-3;
    o.final_learning_rate = 2e-3;
    o.warm_up_steps = warm_up;
    learner l = make(o);
    feed(l, 16);
    const host_tensor start = l.values();
    EXPECT_FALSE(l.step(progress).skipped);
    return largest_step(l.values(), start);
  };
  EXPECT_NEAR(first_step(0, 0), 8e-3, 1e-5);
  EXPECT_NEAR(first_step(0, 1), 2e-3, 1e-5);
  EXPECT_NEAR(first_step(0, 0.5), 5e-3, 1e-5);
  EXPECT_NEAR(first_step(4, 0), 2e-3, 1e-5);
}

// With its own logits as the target, a student that has not moved has nothing to learn from its
// source; one that has is pulled back.
TEST(learner, source_logits_hold_it_to_what_it_said) {
  learner_options o = quick();
  o.pseudo_label = 0;
  o.logit_kd = 1;
  o.temperature = 1;
  o.batch = 32;
  o.mix = {0, 1};
  const auto with_source = [&](std::size_t top_k) {
    learner l = make(o);
    rng draw(3);
    std::vector<sample_handle> source;
    for (int i = 0; i < 32; ++i) source.push_back(source_sample(draw));
    l.set_source(source, top_k);
    feed(l, 1, {false, false});  // a learner wants a sample that is new
    return l;
  };
  EXPECT_TRUE(with_source(0).step().skipped) << "labels alone give logit_kd nothing to do";
  learner still = with_source(1000);  // more than there are words: all of them
  EXPECT_LT(still.step().gradient_norm, 1e-4);

  learner moved = with_source(1000);
  const host_tensor base = moved.values();
  std::vector<float> away(base.as<float>(), base.as<float>() + base.items());
  rng push(5);
  for (float& x : away) x += static_cast<float>(0.05 * push.normal());
  ASSERT_TRUE(moved.write(host_tensor::of(away)).ok());
  const double loss_before = moved.step().loss;
  for (int i = 0; i < 40; ++i) moved.step();
  EXPECT_LT(moved.step().loss, 0.5 * loss_before);
}

TEST(learner, repeats_by_seed) {
  const auto run = [](std::uint64_t seed) {
    learner_options o = quick();
    o.seed = seed;
    o.batch = 8;
    learner l = make(o);
    feed(l, 32);
    for (int i = 0; i < 4; ++i) l.step();
    return l.values();
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(learner_death, wants_samples_and_a_teacher_width) {
  learner l = make(quick());
  EXPECT_DEATH((void)l.step(), "no sample");
  learner_options options = quick();
  options.visual_qkd = 1;
  EXPECT_DEATH((void)learner(tiny_student(), options, 0), "teacher's width");
}

}  // namespace
}  // namespace freshet::distill
