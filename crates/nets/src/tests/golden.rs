//! Forward passes against PyTorch's own modules.

use super::*;

/// Fills every tensor by its place in the order in which the net asked for it, as `fill` below does.
fn fill(params: &Params) {
    for (j, (name, tensor)) in params.named().enumerate() {
        let size = tensor.size();
        let i = Tensor::arange(tensor.numel() as i64, (Kind::Int64, Device::Cpu));
        let v = (&i * &i * 31 + &i * 7 + j as i64 * 101).remainder(10_007).to_kind(Kind::Double);
        let v = (v / 5003.5 - 1).view(size.as_slice());
        let values = match () {
            () if size.len() > 1 => v * (6.0 / size[1..].iter().product::<i64>() as f64).sqrt(),
            () if name.ends_with("var") => v / 2 + 1,
            () if name.ends_with("weight") => v / 10 + 1,
            () => v / 10,
        };
        tensor.detach().copy_(&values);
    }
}

// import torch; from torch import nn; import torch.nn.functional as F
// N=nn.BatchNorm2d
// def cn(i,o,k=3,s=1,p=1,g=1): return nn.Sequential(nn.Conv2d(i,o,k,s,p,groups=g,bias=False),N(o))
// class Lam(nn.Module):
//     def __init__(s,f): super().__init__(); s.f=f
//     def forward(s,x): return s.f(x)
// R=nn.ReLU; MP=lambda: nn.MaxPool2d(2); mean=lambda: Lam(lambda x:x.mean((2,3)))
// def lenet(c,h):
//     p=2 if h<32 else 0; d=((h+2*p-4)//2-4)//2
//     return nn.Sequential(nn.Conv2d(c,6,5,padding=p),R(),MP(),nn.Conv2d(6,16,5),R(),MP(),nn.Flatten(),nn.Linear(16*d*d,120),R(),nn.Linear(120,84),R(),nn.Linear(84,K))
// def badnet_cnn(c,h):
//     d=((h-4)//2-4)//2
//     return nn.Sequential(nn.Conv2d(c,16,5),R(),nn.AvgPool2d(2),nn.Conv2d(16,32,5),R(),nn.AvgPool2d(2),nn.Flatten(),nn.Linear(32*d*d,512),R(),nn.Linear(512,K))
// class Res(nn.Module):
//     def __init__(s,c): super().__init__(); s.f=nn.Sequential(cn(c,c),R(),cn(c,c),R())
//     def forward(s,x): return x+s.f(x)
// def resnet9(c,h): return nn.Sequential(cn(c,32),R(),cn(32,64),R(),MP(),Res(64),cn(64,128),R(),MP(),cn(128,128),R(),MP(),Res(128),nn.AdaptiveMaxPool2d(1),nn.Flatten(),nn.Linear(128,K))
// class Basic(nn.Module):
//     def __init__(s,i,o): super().__init__(); s.a=cn(i,o,s=2 if o>i else 1); s.b=cn(o,o); s.g=o-i
//     def forward(s,x):
//         y=s.b(F.relu(s.a(x)))
//         if s.g: x=F.pad(x[:,:,::2,::2],(0,0,0,0,0,s.g))
//         return F.relu(x+y)
// def cifar(c,n):
//     l=[cn(c,16),R()]; i=16
//     for o in (16,32,64):
//         for _ in range(n): l.append(Basic(i,o)); i=o
//     return nn.Sequential(*l,mean(),nn.Linear(64,K))
// def resnet20(c,h): return cifar(c,3)
// def resnet32(c,h): return cifar(c,5)
// class Pre(nn.Module):
//     def __init__(s,i,o):
//         super().__init__(); t=2 if o>i else 1
//         s.n1=N(i);s.c1=nn.Conv2d(i,o,3,t,1,bias=False);s.n2=N(o);s.c2=nn.Conv2d(o,o,3,1,1,bias=False)
//         s.sc=nn.Conv2d(i,o,1,t,bias=False) if t>1 else None
//     def forward(s,x):
//         a=F.relu(s.n1(x)); y=s.c2(F.relu(s.n2(s.c1(a))))
//         return y+(s.sc(a) if s.sc is not None else x)
// def preact_resnet18(c,h):
//     l=[nn.Conv2d(c,64,3,1,1,bias=False)]; i=64
//     for o in (64,128,256,512):
//         for _ in range(2): l.append(Pre(i,o)); i=o
//     return nn.Sequential(*l,N(512),R(),mean(),nn.Linear(512,K))
// def vgg11(c,h):
//     l=[];i=c
//     for g,ws in enumerate([[64],[128],[256,256],[512,512],[512,512]]):
//         for w in ws: l+=[cn(i,w),R()]; i=w
//         if not (g==4 and h<32): l.append(MP())
//     return nn.Sequential(*l,mean(),nn.Linear(512,K))
// class Inv(nn.Module):
//     def __init__(s,i,o,e,t):
//         super().__init__(); w=i*e; l=[]
//         if e>1: l+=[cn(i,w,1,1,0),nn.ReLU6()]
//         s.f=nn.Sequential(*l,cn(w,w,3,t,1,w),nn.ReLU6(),cn(w,o,1,1,0)); s.add=t==1 and i==o
//     def forward(s,x): return x+s.f(x) if s.add else s.f(x)
// def mobilenet_v2(c,h):
//     l=[cn(c,32,s=1 if h<64 else 2),nn.ReLU6()]; i=32
//     for e,o,n,t in [(1,16,1,1),(6,24,2,1),(6,32,3,2),(6,64,4,2),(6,96,3,1),(6,160,3,2),(6,320,1,1)]:
//         for k in range(n): l.append(Inv(i,o,e,t if k==0 else 1)); i=o
//     return nn.Sequential(*l,cn(320,1280,1,1,0),nn.ReLU6(),mean(),nn.Linear(1280,K))
// def fill(net):
//     ts=[(n,t) for n,t in net.state_dict().items() if "num_batches" not in n]
//     for j,(n,t) in enumerate(ts):
//         i=torch.arange(t.numel()); v=(((i*i*31+i*7+j*101)%10007).double()/5003.5-1).view(t.shape)
//         t.copy_(v*(6/t[0].numel())**.5 if t.dim()>1 else 1+v/2 if n.endswith("var") else 1+v/10 if n.endswith("weight") else v/10)
// K = 3; for c, h, train in [(1, 28, 0), (3, 32, 0), (3, 64, 0), (3, 32, 1)]:
//     net = NET(c, h).double().train(bool(train)); fill(net)
//     x = (torch.arange(2*c*h*h, dtype=torch.float64)*.37).sin().view(2, c, h, h); print(net(x)[1])
#[test]
fn logits_are_those_of_pytorch() {
    let mut left: Vec<&str> =
        nets().map(|(kind, _)| kind).filter(|k| !["small_cnn", "mlp", "linear"].contains(k)).collect();
    for (kind, golden) in GOLDEN {
        let net = nets().find(|(k, _)| *k == kind).unwrap().1;
        left.retain(|k| *k != kind);
        for ((shape, train), theirs) in
            [(GREY, false), (COLOUR, false), (LARGE, false), (COLOUR, true)].into_iter().zip(golden)
        {
            let mut params = Params::fresh(Seed(0));
            let network = net.build(&mut params, shape, 3).unwrap();
            fill(&params);
            let logits = network.logits(&images(shape, 2), Mode { train, kind: Kind::Float }).get(1);
            let ours = Vec::<f32>::try_from(&logits).unwrap();
            // The numbers are float64; PyTorch's own float32 is within 7e-6 of the largest.
            let scale = theirs.iter().fold(0f64, |m, t| m.max(t.abs()));
            for (a, b) in ours.iter().zip(theirs) {
                assert!((f64::from(*a) - b).abs() < 5e-5 * scale, "{kind} {shape} {train}: {ours:?}");
            }
        }
    }
    assert!(left.is_empty(), "no golden numbers for {left:?}; small_cnn has its own");
}

type Golden = (&'static str, [[f64; 3]; 4]);
#[rustfmt::skip]
const GOLDEN: [Golden; 8] = [
    ("lenet", [[0.444_565_6, 0.172_452_4, -0.087_745_2], [0.312_904_1, 0.327_945, 1.040_035_1], [-1.267_922_3, 0.229_527_6, 2.083_831_6], [0.312_904_1, 0.327_945, 1.040_035_1]]),
    ("badnet_cnn", [[0.986_070_7, 0.229_008_5, 0.023_060_5], [0.460_977_3, -0.075_205_7, 0.128_566_7], [1.000_639_3, 0.765_564_4, -0.665_484_5], [0.460_977_3, -0.075_205_7, 0.128_566_7]]),
    ("resnet9", [[0.019_912_7, 3.513_322_7, 0.977_240_5], [-3.209_691_7, 7.411_341_2, 3.774_943_1], [-1.641_987_2, 3.947_886_5, 0.556_701_8], [4.351_411_7, 0.835_098_3, 5.143_061_1]]),
    ("resnet20", [[-9.668_665_5, 35.303_965_6, 11.441_568_3], [-7.186_125_4, 32.372_355_5, 11.227_505_1], [-10.643_865_8, 55.000_322_2, 17.351_919_3], [0.351_706, 1.165_507_3, -0.263_781_6]]),
    ("resnet32", [[1_887.776_807_9, 542.906_262_9, -1_650.216_914], [2_093.834_280_3, 537.011_922_1, -1_681.877_967_8], [4_444.467_647_2, 1_136.086_132_9, -2_788.696_008], [1.360_660_5, -0.393_870_4, -4.493_646_3]]),
    ("preact_resnet18", [[-11.666_843_9, -16.318_244_5, 9.446_473_8], [-11.942_045_5, -25.341_231_1, 5.008_213], [-9.674_903, -30.864_083_6, 17.261_932_8], [1.628_468_6, -0.010_564_7, 0.225_495_3]]),
    ("vgg11", [[-0.553_764_5, 0.023_795_5, 0.012_256_8], [-1.249_005_6, 0.893_669_3, 0.847_625_3], [-0.483_250_8, 1.581_301_8, 0.617_521_7], [5.722_422_5, 2.738_304_8, 1.332_299_9]]),
    ("mobilenet_v2", [[-18.049_599_1, 3.493_785_5, 0.553_668_4], [-18.896_379_5, 3.502_065, 0.912_450_7], [-17.751_476_6, 4.292_146_2, 0.509_367_7], [0.341_921_7, 1.136_095_5, 0.264_820_7]]),
];

// sum(p.numel() for p in NET(c, h).parameters()) with K = 10; those of resnet20, resnet32 and lenet are also in
// the literature, that of mobilenet_v2 is torchvision's with 10 classes.
#[test]
fn nets_have_as_many_weights_as_pytorch_s() {
    for (kind, shape, weights) in [
        ("lenet", GREY, 61_706),
        ("badnet_cnn", GREY, 281_034),
        ("resnet9", COLOUR, 611_882),
        ("resnet20", COLOUR, 269_722),
        ("resnet32", COLOUR, 464_154),
        ("preact_resnet18", COLOUR, 11_172_170),
        ("vgg11", COLOUR, 9_228_362),
        ("mobilenet_v2", COLOUR, 2_236_682),
    ] {
        let net = nets().find(|(k, _)| *k == kind).unwrap().1;
        let mut params = Params::fresh(Seed(0));
        net.build(&mut params, shape, 10).unwrap();
        assert_eq!(params.trainable().iter().map(Tensor::numel).sum::<usize>(), weights, "{kind}");
    }
}
