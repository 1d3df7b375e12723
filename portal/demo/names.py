"""Names of the demo's clients, as they are met in the trade: many countries, several scripts."""

NORTHWIND_CLIENTS = (
    "Alderbrook Hotels", "Bayside Dental Group", "Blue Heron Logistics", "Calder & Finch LLP",
    "Cedar Ridge School District", "Chesapeake Call Center", "Copperline Insurance",
    "Dogwood Property Management", "Eastgate Motors", "Fairhaven Credit Union",
    "Firefly Taxi Dispatch", "Glen Ellyn Veterinary", "Granite State Telecom",
    "Greenpoint Coworking", "Harbor Freight Brokers", "Hudson Valley Broadband",
    "Iron Mountain Brewing", "Juniper Street Clinic", "Keystone Carrier Services",
    "Lakeshore Realty", "Larkspur Travel", "Liberty Bell Security", "Longleaf Pharmacy",
    "Magnolia Catering", "Maplewood Senior Living", "Meridian Wholesale VoIP",
    "Midtown Legal Aid", "Monarch Call Routing", "Nantucket Ferry Office", "Northstar Dialers",
    "Oak & Ember Restaurants", "Old Dominion Trunking", "Orchard Hill Farms",
    "Palmetto Freight", "Pine Barrens Outfitters", "Piedmont PBX", "Potomac Answering Service",
    "Quincy Marine Supply", "Red Maple Accounting", "Riverbend Medical", "Rosewood Florists",
    "Saltmarsh Seafood", "Seneca Street Bakery", "Silver Birch Telehealth",
    "Skyline Conferencing", "South Shore Plumbing", "Spruce Hill Printing",
    "Stonebridge University", "Summit Termination LLC", "Tidewater Tel", "Trillium Staffing",
    "Union Square Theatre", "Vermont Maple Direct", "Walnut Grove Church",
    "Westfield Alarm Company", "White Oak Roofing", "Wildflower Yoga", "Willow Creek Lodge",
    "Windward Airlines Desk", "Zephyr Minutes Exchange",
)  # fmt: skip

MIRADOR_CLIENTS = (
    "Aceites Sierra Sur", "Ágora Formación", "Alpenblick Gästehaus GmbH", "Almacenes Núñez",
    "Ateliers Côté Sud", "Azúcar y Canela", "Białystok VoIP Sp. z o.o.", "Bodegas Peñafiel",
    "Café Zürich am See", "Clínica Dental Muñoz", "Compañía de Voz Ibérica",
    "Česká Telefonní s.r.o.", "Dönerhaus Öztürk", "École de Langues Étoile",
    "Editorial Ñandú", "Ferretería Güell", "Fjörd Shipping AB", "Grupo Ibáñez Logística",
    "Großhandel Müßig & Söhne", "Hôtel de l’Abbaye", "Ingeniería Zubizarreta",
    "Jardines del Túria", "Kőszeg Telekom Kft.", "Koper Glas in Lood BV",
    "La Piñata Call Center", "Lekárna Žižkov", "Łódź Termination Group", "Málaga Beach Apartments",
    "Måneskin Booking Oslo", "Nordwave AB", "Óptica Peñíscola", "Panadería El Trigal",
    "Pâtisserie Noël", "Québec Voix Affaires", "Radio Taxi Cádiz", "Šibenik Charter d.o.o.",
    "Seguros Núcleo", "Smørrebrød København", "Țara Bârsei Turism", "Telefonía Rural Unida",
    "Trans-Atlantic Termination Partners of Greater Western Europe",
    "Universidad Popular de Jaén", "Viñedos Ocaña", "Voz Directa Mayorista",
    "Würth & Weiß Rechtsanwälte", "Yayoi Sushi Barcelona", "Zapatería Íñigo",
    "Αιγαίο Τηλεφωνία", "Ωμέγα Τηλ ΑΕ", "Καφενείο Ακρόπολις", "Балкан Глас ООД", "Київ Зв’язок",
    "Новая Линия", "Софийска Вода Контакт", "Ճանապարհ Տուր", "شركة النور للاتصالات",
    "מרכז שיחות כרמל", "東京電話サービス", "서울통신 유럽지사", "北京话务中心",
)  # fmt: skip

PACIFIC_CLIENTS = (
    "桜コールセンター", "さくら歯科医院", "北海道フェリー予約", "株式会社青空物流",
    "Yokohama Conferencing", "Osaka Night Taxi", "부산무역 도쿄", "ไทยสไมล์ ทราเวล",
    "नमस्ते रेस्टोरेंट टोक्यो", "京都旅館組合",
)  # fmt: skip

TAGS = ("wholesale", "retail", "call-center", "vip", "fraud-watch", "new-2026", "hospitality")

SERVICES = (
    ("Calls to United States, mobile", "0.0123"), ("Calls to United Kingdom, fixed", "0.0086"),
    ("Calls to Germany, mobile", "0.0214"), ("Calls to Mexico, mobile", "0.0179"),
    ("Calls to Japan, fixed", "0.0265"), ("Calls to Spain, mobile", "0.0192"),
    ("Inbound toll-free minutes", "0.0154"),
)  # fmt: skip
PACKAGES = (
    ("Business trunk, 10 channels", "89.00"), ("Hosted PBX, per seat", "14.50"),
    ("Local numbers", "1.20"), ("Call recording", "25.00"),
)  # fmt: skip
EXTRAS = (
    ("Number porting", "15.00"), ("Emergency address registration", "7.50"),
    ("On-site installation", "180.00"),
)  # fmt: skip
