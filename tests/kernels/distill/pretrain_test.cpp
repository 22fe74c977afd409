// One object, its colour asked: learnable within a test. And what must end a training early.
#include "kernels/distill/pretrain.hpp"

#include <limits>

#include "kernels/model/word_tokenizer.hpp"
#include "kernels/scenes/scene_domain.hpp"
#include "tests/kernels/distill/support.hpp"

namespace freshet::distill {
namespace {

using model::word_tokenizer;

std::shared_ptr<const word_tokenizer> words() {
  std::vector<std::string> list{"which", "color"};
  for (std::size_t i = 0; i < scenes::all_colors; ++i) list.emplace_back(name(static_cast<scenes::color>(i)));
  return word_tokenizer::make(std::move(list)).value();
}

model::multimodal fresh() {
  model::model_config c = tiny_config(words()->vocab_size());
  c.text.bos_token_id = word_tokenizer::bos_id;
  c.text.eos_token_ids = {word_tokenizer::eos_id};
  return model::multimodal::random(c, 3);
}

result<scenes::example> one_object(rng& random) {
  static const scenes::scene_domain clean = scenes::scene_domain::named("clean", 0.5, tiny_side).value();
  scenes::scene_options single;
  single.max_objects = 1;
  const scenes::scene drawn = scenes::draw_scene(random, single);
  scenes::example e;
  e.picture = clean.picture_of(drawn, random);
  e.questions = {{"which color", std::string(name(drawn.objects.front().tint)), scenes::category::color}};
  e.domain = "clean";
  return e;
}

pretrain_options quick_pretraining() {
  pretrain_options o;
  o.batch_pictures = 16;
  o.learning_rate = 1e-2;
  o.dropped_batches = 0.3;
  o.fewest_tokens = 0.7;
  return o;
}

std::function<double(std::int64_t)> until(std::int64_t steps) {
  return [steps](std::int64_t step) { return static_cast<double>(step) / static_cast<double>(steps); };
}

const auto silent = [](const pretrain_progress&) {};

std::vector<scenes::example> held_out(int count) {
  rng random(1234);
  std::vector<scenes::example> out;
  for (int i = 0; i < count; ++i) out.push_back(one_object(random).value());
  return out;
}

TEST(pretrain, learns_to_name_colours) {
  model::multimodal m = fresh();
  const auto text = words();
  const auto examples = held_out(100);
  const auto before = measure_accuracy(m, *text, examples, 1, 1);
  ASSERT_TRUE(before.ok());
  EXPECT_LT(before->accuracy, 0.4);
  pretrain_progress last;
  double first_loss = 0;
  std::int64_t reports = 0;
  constexpr std::int64_t steps = 220;
  const auto done = pretrain(m, *text, one_object, quick_pretraining(), until(steps), [&](const pretrain_progress& p) {
    EXPECT_EQ(p.step, ++reports);
    if (p.step == 1) first_loss = p.loss;
    EXPECT_EQ(p.pictures, 16 * p.step);
    last = p;
  });
  ASSERT_TRUE(done.ok()) << done.err().text();
  EXPECT_EQ(reports, steps);
  EXPECT_LT(last.loss, 0.6 * first_loss);
  EXPECT_LT(last.learning_rate, 1e-4);
  const auto after = measure_accuracy(m, *text, examples, 1, 1);
  ASSERT_TRUE(after.ok());
  EXPECT_EQ(after->answered, 100);
  EXPECT_GT(after->accuracy, 0.6);
  for (const auto& item : m.weights().all()) EXPECT_FALSE(item.second.requires_grad());
}

TEST(pretrain, repeats_by_steps_and_seed) {
  const auto run = [](std::uint64_t seed) {
    model::multimodal m = fresh();
    pretrain_options o = quick_pretraining();
    o.seed = seed;
    EXPECT_TRUE(pretrain(m, *words(), one_object, o, until(4), silent).ok());
    return m.base_hash();
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
  EXPECT_NE(run(1), fresh().base_hash());
}

TEST(pretrain, names_a_picture_of_another_size) {
  model::multimodal m = fresh();
  const std::uint64_t before = m.base_hash();
  const auto wrong = [](rng& random) -> result<scenes::example> {
    scenes::example e = one_object(random).value();
    e.picture = scenes::resize(e.picture, tiny_side, tiny_side + 4);
    return e;
  };
  const auto done = pretrain(m, *words(), wrong, quick_pretraining(), until(2), silent);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.err().code, errc::shape_mismatch);
  EXPECT_NE(done.err().context.find("16x20"), std::string::npos) << done.err().text();
  EXPECT_EQ(m.base_hash(), before);
  for (const auto& item : m.weights().all()) EXPECT_FALSE(item.second.requires_grad());
  rng random(1);
  EXPECT_FALSE(measure_accuracy(m, *words(), {wrong(random).value()}, 1, 1).ok());
}

TEST(pretrain, hands_on_the_error_of_a_draw) {
  model::multimodal m = fresh();
  const auto broken = [](rng&) -> result<scenes::example> { return error{errc::io, "disk gone"}; };
  const auto done = pretrain(m, *words(), broken, quick_pretraining(), until(2), silent);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.err(), (error{errc::io, "disk gone"}));
}

TEST(pretrain, ends_when_nothing_is_asked) {
  model::multimodal m = fresh();
  const auto mute = [](rng& random) -> result<scenes::example> {
    scenes::example e = one_object(random).value();
    e.questions.clear();
    return e;
  };
  const auto done = pretrain(m, *words(), mute, quick_pretraining(), until(2), silent);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.err().code, errc::invalid_argument);
}

TEST(pretrain, ends_when_gradients_stay_infinite) {
  model::multimodal m = fresh();
  m.weights().at("language_model.model.norm.weight").fill_(std::numeric_limits<float>::infinity());
  std::int64_t steps = 0;
  const auto done =
      pretrain(m, *words(), one_object, quick_pretraining(), until(1000), [&](const pretrain_progress& p) { steps = p.step; });
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.err().code, errc::internal);
  EXPECT_LT(steps, 30);
}

TEST(pretrain, takes_no_step_when_time_is_up) {
  model::multimodal m = fresh();
  const std::uint64_t before = m.base_hash();
  EXPECT_TRUE(pretrain(m, *words(), one_object, quick_pretraining(), [](std::int64_t) { return 1.0; }, silent).ok());
  EXPECT_EQ(m.base_hash(), before);
}

TEST(measure_accuracy, counts_whole_answers_of_any_length) {
  const auto recite = [](rng& random) -> result<scenes::example> {
    scenes::example e = one_object(random).value();
    e.questions = {{"which color", "red green blue white cyan yellow", scenes::category::other}};
    return e;
  };
  model::multimodal m = fresh();
  ASSERT_TRUE(pretrain(m, *words(), recite, quick_pretraining(), until(60), silent).ok());
  rng random(1);
  std::vector<scenes::example> examples;
  for (int i = 0; i < 10; ++i) examples.push_back(recite(random).value());
  const auto all_right = measure_accuracy(m, *words(), examples, 1, 1);
  ASSERT_TRUE(all_right.ok());
  EXPECT_EQ(all_right->answered, 10);
  EXPECT_EQ(all_right->accuracy, 1);
  // The beginning of an answer is not the answer.
  for (std::size_t i = 0; i < 5; ++i) examples[i].questions.front().answer = "red green blue";
  EXPECT_EQ(measure_accuracy(m, *words(), examples, 1, 1)->accuracy, 0.5);
  EXPECT_EQ(measure_accuracy(m, *words(), {}, 1, 1)->answered, 0);
}

}  // namespace
}  // namespace freshet::distill
