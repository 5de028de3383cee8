/* Words for invented matters. */
#include "cli/drill/profile_words.h"

#define LIST(...)                                                                                  \
    {                                                                                              \
        (const char *const[]){__VA_ARGS__},                                                        \
            sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)                      \
    }

static const struct {
    const char *const *at;
    size_t count;
} lists[WORDS_COUNT] = {
    [WORDS_QUARREL] = LIST("院墙滴水", "宅基地界址", "承包地田埂被占", "山林界线不清",
                           "拖欠砌墙工钱", "赡养费分摊", "彩礼退还", "牲畜踩坏庄稼",
                           "摩托车擦碰赔偿", "鱼塘排水淹田", "合伙收购分账", "通行道路被堵"),
    [WORDS_HAZARD] =
        LIST("边坡掉块", "河堤渗水", "路面塌陷", "自来水管爆裂", "变压器异响", "桥栏杆断裂",
             "林边冒烟", "厂房私拉电线", "低洼处积水", "危房开裂", "窨井盖缺失", "多人腹泻发热"),
    [WORDS_SERVICE] =
        LIST("办理医保参保登记", "申请临时救助", "高龄津贴认证", "开具居住证明", "残疾人证换领",
             "建房申请", "生育登记", "养老待遇资格认证", "农机购置补贴", "老年优待证"),
    [WORDS_TASK] = LIST("核查低保对象变动", "报送汛期值班表", "整改消防隐患", "摸排务工返乡人员",
                        "核实耕地图斑", "协调供电检修", "补齐台账", "组织健康体检"),
    [WORDS_ORDER] = LIST("关于做好强降雨防范的通知", "地质灾害气象风险预警", "森林防火禁火令",
                         "关于开展安全生产检查的通知", "寒潮蓝色预警", "关于报送半年总结的通知"),
    [WORDS_GRAVE] = LIST("溺水身亡事件", "农用车翻坠事故", "民房火灾致人死亡",
                         "集体聚餐疑似食物中毒", "群体性聚集"),
    [WORDS_EQUIPMENT] = LIST("雨量监测站", "水位监测点", "烟感报警器", "应急广播", "边坡位移计",
                             "自助服务终端", "燃气报警器"),
    [WORDS_PLACE] = LIST("一组村口", "二组晒谷场", "三组老桥头", "四组河堤", "五组后山坡",
                         "集镇路口", "文化广场", "卫生室旁", "水库下游", "学校门前"),
    [WORDS_TALK] = LIST("双方各执一词", "一方未到场说明", "愿再考虑", "同意请村老作证",
                        "要求丈量后再谈", "就补偿数额未谈拢"),
    [WORDS_DONE] = LIST("已现场处置并拍照留存", "已设警示标志并安排值守", "已更换部件恢复正常",
                        "已转移人员并妥善安置", "材料齐全当场办结", "已电话回访确认"),
    [WORDS_PERSON] = LIST("彭大山", "向桂花", "田有福", "王秀英", "覃明", "李国强", "张翠兰",
                          "符三妹", "罗长生", "杨小梅", "石家旺", "龙玉珍"),
    [WORDS_WHY] =
        LIST("现场仍有隐患，请继续处置", "材料不全，请补充", "不属本部门职责", "照片与地点不符"),
};

uint64_t words_draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

unsigned words_below(uint64_t *state, unsigned bound)
{
    return (unsigned)(words_draw(state) % bound);
}

const char *words_one(uint64_t *state, enum words list)
{
    return lists[list].at[words_draw(state) % lists[list].count];
}
